"""The report for people who sign: one HTML page that needs nothing else."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterable, Sequence
from datetime import timedelta
from html import escape

from fixgw.certify.html_exchange import exchange
from fixgw.certify.html_style import STYLE
from fixgw.certify.naming import Naming
from fixgw.certify.occasion import Occasion, verdict, versions
from fixgw.certify.runner import Run
from fixgw.certify.transcript import Outcome, Result

SIGNS = {Outcome.PASSED: "✓", Outcome.FAILED: "✗", Outcome.SKIPPED: "–"}

VERDICTS = {
    "passed": "Passed",
    "failed": "Not passed",
    "incomplete": "Incomplete",
    "nothing": "No result",
}


def page(run: Run, naming: Naming, occasion: Occasion) -> str:
    """The whole document."""
    title = f"FIX certification of {occasion.member or occasion.target}"
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title>",
            f"<style>{STYLE}</style></head><body><main>",
            _head(run, occasion),
            _facts(run, occasion),
            _counts(run),
            _signatures(occasion),
            _results(run.results),
            _details("What differed", _of(run, Outcome.FAILED), naming, is_open=True),
            _details("Not carried out", _of(run, Outcome.SKIPPED), naming),
            _details("Evidence", _of(run, Outcome.PASSED), naming, css="evidence"),
            _footer(run, occasion),
            "</main></body></html>\n",
        ]
    )


def digest(run: Run) -> str:
    """SHA-256 of everything that was said and how it was judged.

    Printed on the page, so that a signature covers the evidence as well.
    """
    sha = hashlib.sha256()
    for result in run.results:
        facts = (result.dialogue.label, result.outcome.value, result.reason)
        sha.update(repr(facts).encode())
        sha.update("\n".join(result.dialogue.lines).encode())
        for event in result.events:
            sha.update(repr((event.kind.value, event.connection, event.text)).encode())
    return sha.hexdigest()


def _of(run: Run, outcome: Outcome) -> list[Result]:
    return [result for result in run.results if result.outcome is outcome]


def _head(run: Run, occasion: Occasion) -> str:
    word = verdict(run)
    passed, total = run.count(Outcome.PASSED), len(run.results)
    heading = occasion.member or occasion.target
    return f"""<header class="head"><div>
<p class="kicker">FIX session certification · {escape(occasion.subject)}</p>
<h1>{escape(heading)}</h1></div>
<div class="verdict {word}">{VERDICTS[word]}
<small>{passed} of {total} dialogues</small></div></header>
<p class="statement">{escape(_statement(run, occasion))}</p>"""


def _statement(run: Run, occasion: Occasion) -> str:
    """What is certified, in a sentence."""
    who = occasion.member or f"The {occasion.subject} at {occasion.target}"
    when = f"{run.began:%d %B %Y}".lstrip("0")
    spoken = _spoken(versions(run))
    what = f"{len(run.results)} scripted dialogues in {spoken or 'FIX'}"
    failed, skipped = run.count(Outcome.FAILED), run.count(Outcome.SKIPPED)
    match verdict(run):
        case "passed":
            end = "behaved as expected in all of them"
        case "failed":
            end = f"differed from what is expected in {failed} of them"
        case "incomplete":
            end = f"behaved as expected where tested; {skipped} were not carried out"
        case _:
            end = "was not tested in any of them"
    return f"{who} was examined on {when} with {what}, and {end}."


def _spoken(names: Sequence[str]) -> str:
    """Names in a sentence: A, B and C."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _facts(run: Run, occasion: Occasion) -> str:
    ended = run.began + timedelta(seconds=run.duration_s)
    facts = {
        "Member": occasion.member,
        "Certified by": occasion.certifier,
        "Target": f"{occasion.subject} at {occasion.target}",
        "FIX versions": ", ".join(versions(run)),
        "Time (UTC)": f"{run.began:%Y-%m-%d %H:%M:%S} to {ended:%H:%M:%S}",
        "Comparison": occasion.mode,
        "Profile": occasion.profile,
        "Carried out with": f"{occasion.program} on {platform.node() or 'a host'}",
        "Command": occasion.command,
        "Evidence": f"SHA-256 {digest(run)}",
    }
    rows = [
        f"<dt>{name}</dt><dd>{escape(value)}</dd>"
        for name, value in facts.items()
        if value
    ]
    return f'<dl class="facts">{"".join(rows)}</dl>'


def _counts(run: Run) -> str:
    """How many dialogues of each version ended how."""
    rows = []
    for version in [*versions(run), ""]:
        results = [r for r in run.results if r.dialogue.version == version]
        if results:
            rows.append(_count_row(version or "any", results))
    if len(rows) > 1:
        rows.append(_count_row("all", run.results))
    return f"""<h2>Summary</h2><table><thead><tr><th>version</th>
<th class="number">dialogues</th><th class="number">passed</th>
<th class="number">failed</th><th class="number">not carried out</th>
<th class="number">seconds</th></tr></thead><tbody>{"".join(rows)}</tbody></table>"""


def _count_row(name: str, results: Sequence[Result]) -> str:
    cells = [f'<td class="number">{len(results)}</td>']
    for outcome in Outcome:
        count = sum(result.outcome is outcome for result in results)
        css = f" {outcome.value}" if count else ""
        cells.append(f'<td class="number{css}">{count}</td>')
    seconds = sum(result.duration_s for result in results)
    cells.append(f'<td class="number">{seconds:.1f}</td>')
    return f"<tr><td>{escape(name)}</td>{''.join(cells)}</tr>"


def _results(results: Sequence[Result]) -> str:
    """One row per rule, one column per version."""
    columns = sorted({result.dialogue.version for result in results})
    rows: dict[tuple[str, str, int], dict[str, list[Result]]] = {}
    for result in results:
        key = (result.dialogue.rule, result.dialogue.title, result.round)
        cells = rows.setdefault(key, {})
        cells.setdefault(result.dialogue.version, []).append(result)
    heads = "".join(
        f'<th class="cell">{escape(name or "any")}</th>' for name in columns
    )
    lines = []
    for (rule, title, number), cells in rows.items():
        mark = f" <small>round {number}</small>" if number > 1 else ""
        row = "".join(_cell(cells.get(version, ())) for version in columns)
        lines.append(
            f"<tr><td>{escape(rule)}</td><td>{escape(title)}{mark}</td>{row}</tr>"
        )
    return f"""<h2>Results</h2><div class="scroll"><table><thead><tr><th>rule</th>
<th>title</th>{heads}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>"""


def _cell(results: Iterable[Result]) -> str:
    marks = [
        f'<a class="{result.outcome.value}" href="#{anchor(result)}" '
        f'title="{result.outcome.value}">{SIGNS[result.outcome]} '
        f"<small>{result.duration_s:.2f}</small></a>"
        for result in results
    ]
    return f'<td class="cell">{" ".join(marks)}</td>'


def anchor(result: Result) -> str:
    """The name under which a result is found on the page."""
    whole = f"{result.dialogue.path} {result.dialogue.label} {result.round}"
    return "r" + hashlib.sha256(whole.encode()).hexdigest()[:12]


def _details(
    title: str,
    results: Sequence[Result],
    naming: Naming,
    *,
    is_open: bool = False,
    css: str = "",
) -> str:
    if not results:
        return ""
    parts = [_detail(result, naming, is_open=is_open) for result in results]
    return f'<section class="{css}"><h2>{title}</h2>{"".join(parts)}</section>'


def _detail(result: Result, naming: Naming, *, is_open: bool) -> str:
    dialogue, word = result.dialogue, result.outcome.value
    where = f"{dialogue.name}{dialogue.path.suffix}"
    if result.line:
        where += f":{result.line}"
    reason = f'<p class="reason">{escape(result.reason)}</p>' if result.reason else ""
    wishes = "".join(
        f'<p class="wish"><b>{name}</b>{escape(text)}</p>'
        for name, text in (
            ("condition", dialogue.header.condition),
            ("expected", dialogue.header.expected),
        )
        if text
    )
    opened = " open" if is_open else ""
    return f"""<details class="{word}" id="{anchor(result)}"{opened}>
<summary><span class="outcome {word}">{word}</span>
<span class="name">{escape(dialogue.rule)} {escape(dialogue.title)}</span>
<span class="where">{escape(dialogue.version)} · {escape(where)}</span></summary>
{reason}<div class="exchange">{wishes}{exchange(result, naming)}</div></details>"""


def _signatures(occasion: Occasion) -> str:
    boxes = []
    for who in (occasion.member or "the member", occasion.certifier or "the exchange"):
        boxes += [
            f"For {escape(who)}: name, office",
            "Place, date, signature",
        ]
    lines = "".join(f'<div class="signature"><div>{text}</div></div>' for text in boxes)
    return f'<h2>Signatures</h2><div class="signatures">{lines}</div>'


def _footer(run: Run, occasion: Occasion) -> str:
    return (
        f"<footer>{escape(occasion.program)} · {run.began:%Y-%m-%d %H:%M:%S} UTC · "
        f"evidence SHA-256 {digest(run)}</footer>"
    )
