"""The report on the terminal: a table of all dialogues, then what went wrong."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from fixgw.certify.compare import Difference
from fixgw.certify.naming import Naming
from fixgw.certify.runner import Run
from fixgw.certify.transcript import Event, Kind, Outcome, Result
from fixgw.certify.wire import visible

COLOURS = {Outcome.PASSED: "green", Outcome.FAILED: "red", Outcome.SKIPPED: "yellow"}
SIGNS = {
    Kind.SENT: "→",
    Kind.RECEIVED: "←",
    Kind.MISSING: "✗",
    Kind.OPENED: "●",
    Kind.CLOSED: "○",
    Kind.NOTE: "·",
}


def write(console: Console, run: Run, naming: Naming, target: str) -> None:
    """The whole report."""
    failures = [result for result in run.results if result.has_failed]
    for result in failures:
        write_failure(console, result, naming)
    if len(run.results) > 1:
        console.print(_table(run.results))
    console.print(_summary(run, target))


def _table(results: Sequence[Result]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("rule", "title", "version", "result"):
        table.add_column(name, overflow="fold")
    table.add_column("seconds", justify="right")
    for result in results:
        dialogue = result.dialogue
        table.add_row(
            escape(dialogue.rule),
            escape(dialogue.title),
            dialogue.version,
            Text(result.outcome.value, COLOURS[result.outcome]),
            f"{result.duration_s:.2f}",
        )
    return table


def _summary(run: Run, target: str) -> Text:
    passed, failed = run.count(Outcome.PASSED), run.count(Outcome.FAILED)
    skipped = run.count(Outcome.SKIPPED)
    text = Text(f"\n{target}: ")
    text.append(f"{passed} passed", "green" if passed else "")
    text.append(", ")
    text.append(f"{failed} failed", "bold red" if failed else "")
    if skipped:
        text.append(", ")
        text.append(f"{skipped} skipped", "yellow")
    text.append(f" in {run.duration_s:.1f} s")
    return text


def write_failure(console: Console, result: Result, naming: Naming) -> None:
    """What was said line by line, and where it went wrong."""
    dialogue = result.dialogue
    heading = Text(f"\nFAILED {visible(dialogue.label)}", "bold red")
    heading.append(f"  {visible(dialogue.title)}", "not bold default")
    console.print(heading)
    where = f"{dialogue.path}:{result.line}: " if result.line else ""
    console.print(Text(f"{where}{visible(result.reason)}"), soft_wrap=True)
    for event in result.events:
        for line in event_lines(event, dialogue.version, naming):
            console.print(line, soft_wrap=True)


def event_lines(event: Event, version: str, naming: Naming) -> list[Text]:
    """One event, with its differences below it."""
    is_message = event.kind in (Kind.SENT, Kind.RECEIVED)
    line = Text(f"{event.at_s:8.3f} ")
    line.append(f"{event.line or '-':>4} ", "dim")
    style = "bold red" if event.is_wrong else ""
    line.append(f"{event.connection} {SIGNS[event.kind]} ", style)
    if is_message:
        line.append(f"{naming.message(version, event.text)} ", "bold")
    line.append(visible(event.text), style or ("" if is_message else "dim"))
    found = [line]
    if not event.is_wrong:
        return found
    for number, expected in enumerate(event.expected.split("\n")):
        word = "expected" if not number else "or"
        if expected:
            text = f"{word:>17}   {visible(expected)}"
            found.append(Text(text, "green"))
    found += [_difference_line(item, version, naming) for item in event.differences]
    return found


def _difference_line(difference: Difference, version: str, naming: Naming) -> Text:
    tag = naming.tag(version, difference.tag)
    line = Text(f"{'':>20}{tag}: " if tag else " " * 20, "yellow")
    line.append(visible(difference.note))
    for word, value in (
        ("expected", difference.expected),
        ("received", difference.received),
    ):
        if value is not None:
            line.append(f"; {word} {_value(version, naming, difference.tag, value)}")
    return line


def _value(version: str, naming: Naming, tag: str, value: str) -> str:
    name = naming.value(version, tag, value)
    return f"{visible(value)} ({name})" if name else visible(value)
