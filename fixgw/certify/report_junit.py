"""The report for build servers: JUnit XML, a suite per version of FIX."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from itertools import groupby
from xml.etree import ElementTree

from rich.console import Console

from fixgw.certify.naming import Naming
from fixgw.certify.occasion import Occasion
from fixgw.certify.report_text import write_failure
from fixgw.certify.runner import Run
from fixgw.certify.transcript import Outcome, Result

_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd]")
"""Characters that XML cannot hold in any form."""

_WIDTH = 10_000
"""Lines are not to be broken: whoever shows the file does that."""


def junit(run: Run, naming: Naming, occasion: Occasion) -> str:
    """The whole document."""
    root = ElementTree.Element("testsuites", name="fixgw certify")
    _count(root, run.results, run.duration_s)
    ordered = sorted(run.results, key=_version)
    for version, results in groupby(ordered, key=_version):
        root.append(_suite(run, version, list(results), naming, occasion))
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(
        root, encoding="unicode"
    )


def _version(result: Result) -> str:
    return result.dialogue.version or "any"


def _suite(
    run: Run, version: str, results: list[Result], naming: Naming, occasion: Occasion
) -> ElementTree.Element:
    stamp = f"{run.began:%Y-%m-%dT%H:%M:%S}"
    suite = ElementTree.Element("testsuite", name=version, timestamp=stamp)
    _count(suite, results, sum(result.duration_s for result in results))
    properties = ElementTree.SubElement(suite, "properties")
    facts = {
        "target": occasion.target,
        "subject": occasion.subject,
        "member": occasion.member,
        "mode": occasion.mode,
        "profile": occasion.profile,
        "program": occasion.program,
    }
    for name, value in facts.items():
        if value:
            ElementTree.SubElement(
                properties, "property", name=name, value=_clean(value)
            )
    for result in results:
        suite.append(_case(result, naming))
    return suite


def _count(
    element: ElementTree.Element, results: Sequence[Result], duration_s: float
) -> None:
    failed = sum(result.outcome is Outcome.FAILED for result in results)
    skipped = sum(result.outcome is Outcome.SKIPPED for result in results)
    element.set("tests", str(len(results)))
    element.set("failures", str(failed))
    element.set("errors", "0")
    element.set("skipped", str(skipped))
    element.set("time", f"{duration_s:.3f}")


def _case(result: Result, naming: Naming) -> ElementTree.Element:
    dialogue = result.dialogue
    name = f"{dialogue.rule} {dialogue.title}"
    if result.round > 1:
        name += f" (round {result.round})"
    case = ElementTree.Element(
        "testcase",
        classname=_clean(f"{dialogue.version or 'any'}.{dialogue.name}"),
        name=_clean(name),
        file=_clean(str(dialogue.path)),
        time=f"{result.duration_s:.3f}",
    )
    if result.line:
        case.set("line", str(result.line))
    if result.outcome is Outcome.SKIPPED:
        ElementTree.SubElement(case, "skipped", message=_clean(result.reason))
    elif result.outcome is Outcome.FAILED:
        failure = ElementTree.SubElement(
            case, "failure", message=_clean(result.reason), type="difference"
        )
        failure.text = _clean(transcript_text(result, naming))
    return case


def transcript_text(result: Result, naming: Naming) -> str:
    """The exchange of a failed dialogue as plain text."""
    stream = io.StringIO()
    console = Console(
        file=stream, width=_WIDTH, color_system=None, legacy_windows=False
    )
    write_failure(console, result, naming)
    return stream.getvalue()


def _clean(text: str) -> str:
    """Without what XML cannot hold; control characters become visible."""
    return _NOT_XML.sub(lambda match: f"\\x{ord(match[0]):02x}", text)
