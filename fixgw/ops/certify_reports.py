"""Where the reports of ``fixgw certify`` go: the terminal, and files."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from fixgw.certify import Run
from fixgw.certify.naming import Naming
from fixgw.certify.occasion import Occasion
from fixgw.certify.report_html import page
from fixgw.certify.report_junit import junit
from fixgw.certify.report_text import write

WIDTH = 120
"""Of the text report in a file."""


def print_report(run: Run, naming: Naming, occasion: Occasion) -> None:
    """On the terminal, in colour where it can be."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, WIDTH)
    write(console, run, naming, occasion.target)


def write_reports(folder: Path, run: Run, naming: Naming, occasion: Occasion) -> None:
    """As text, JUnit XML and HTML. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "report.txt").open("w", encoding="utf-8") as file:
        console = Console(file=file, width=WIDTH, color_system=None)
        write(console, run, naming, occasion.target)
    (folder / "report.xml").write_text(junit(run, naming, occasion), "utf-8")
    (folder / "report.html").write_text(page(run, naming, occasion), "utf-8")
    click.echo(f"report: {folder / 'report.html'}", err=True)
