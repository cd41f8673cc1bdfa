"""Writes docs/session_cases.md from what ran: ``python -m tests.fix_scenarios.table``.

It plays every dialogue and puts down what came of it. A test does so too, and compares.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from fixgw.certify import Outcome, Result
from fixgw.certify.dialogue import PROFILES
from tests.fix_scenarios.acceptor import play
from tests.fix_scenarios.exchange import play_orders
from tests.fix_scenarios.standard import CASES, Case

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "session_cases.md"
EXCHANGE = "exchange"

HEAD = """\
# Session test cases and what came of them

Written by `python -m tests.fix_scenarios.table` from a run of every dialogue under
[tests/fix_scenarios](../tests/fix_scenarios); a test plays them again and compares. A
dialogue is played in each version of FIX that it is for. "24 of 24" are plays that
passed and plays there were.
"""

STANDARD = """
## The 85 cases of the standard

"FIX Session Layer Test Cases" of the FIX Trading Community, version 1.0. M is
mandatory, O optional. The columns are the two values of `Conformance`; a dash means
that the case differs there and is among the dialogues below.

| case | | condition | standard | quickfix | proven by |
|---|---|---|---|---|---|
"""

BEYOND = """
## Beyond the standard

| rule | title | expected | standard | quickfix | script |
|---|---|---|---|---|---|
"""

ORDERS = """
## Orders and market data

Against the exchange itself, with a shard behind it.

| rule | title | expected | result | script |
|---|---|---|---|---|
"""


@dataclass(frozen=True, slots=True)
class Tally:
    """Of plays."""

    passed: int
    all: int

    @classmethod
    def of(cls, results: Iterable[Result]) -> Tally:
        """Counts them."""
        outcomes = [result.outcome for result in results]
        return cls(outcomes.count(Outcome.PASSED), len(outcomes))

    def __str__(self) -> str:
        return f"{self.passed} of {self.all}" if self.all else "–"


Played = Mapping[str, list[Result]]
"""By profile, or EXCHANGE."""


def document(played: Played) -> str:
    """The whole page."""
    cases = {case.id for case in CASES}
    lines = [HEAD, STANDARD.rstrip("\n")]
    lines += [_case(case, played) for case in CASES]
    lines.append(BEYOND.rstrip("\n"))
    others: dict[str, dict[str, list[Result]]] = defaultdict(lambda: defaultdict(list))
    for profile in PROFILES:
        for result in played[profile]:
            if result.dialogue.rule not in cases:
                others[result.dialogue.name][profile].append(result)
    for name, results in sorted(others.items(), key=_rule_and_name):
        lines.append(_row(name, [results[profile] for profile in PROFILES]))
    lines.append(ORDERS.rstrip("\n"))
    orders: dict[str, list[Result]] = defaultdict(list)
    for result in played[EXCHANGE]:
        orders[result.dialogue.name].append(result)
    lines += [_row(name, [results]) for name, results in sorted(orders.items())]
    return "\n".join(lines) + "\n"


def _rule_and_name(item: tuple[str, dict[str, list[Result]]]) -> tuple[str, str]:
    name, by_profile = item
    return next(iter(by_profile.values()))[0].dialogue.rule, name


def _case(case: Case, played: Played) -> str:
    found = {
        kind: [each for each in results if each.dialogue.rule == case.id]
        for kind, results in played.items()
    }
    # What only the exchange can show is the same under both: it has no profile.
    tallies = [str(Tally.of(found[profile] + found[EXCHANGE])) for profile in PROFILES]
    scripts = sorted({each.dialogue.name for some in found.values() for each in some})
    proof = [f"`{name}`" for name in scripts]
    if case.test:
        file, _, name = case.test.partition("::")
        proof.append(f"[{name}](../{file})")
    if case.instead:
        tallies = ["–", "–"]
        proof.append(f"nothing encrypted is taken, see {case.instead}")
    need = "M" if case.is_mandatory else "O"
    row = [case.id, need, case.condition, *tallies, ", ".join(proof)]
    return f"| {' | '.join(row)} |"


def _row(name: str, columns: list[list[Result]]) -> str:
    one = next(column for column in columns if column)[0].dialogue
    tallies = [str(Tally.of(column)) for column in columns]
    row = [one.rule, one.title, one.header.expected, *tallies, f"`{name}`"]
    return f"| {' | '.join(row)} |"


def play_all(folder: Path) -> dict[str, list[Result]]:
    """What came of everything. The three acceptors run side by side: most of the time
    goes by in waiting."""
    with ThreadPoolExecutor() as pool:
        running = {
            profile: pool.submit(play, profile, folder / profile)
            for profile in PROFILES
        }
        running[EXCHANGE] = pool.submit(play_orders, folder / EXCHANGE)
        return {kind: list(future.result().results) for kind, future in running.items()}


def main() -> int:
    """Writes the page; 1 if anything failed."""
    with TemporaryDirectory(prefix="fixgw-scenarios-") as folder:
        played = play_all(Path(folder))
    DOCUMENT.write_text(document(played))
    failed = [
        f"{each.dialogue.label}: {each.reason}"
        for results in played.values()
        for each in results
        if each.outcome is not Outcome.PASSED
    ]
    sys.stdout.write("\n".join([*failed, f"{DOCUMENT.relative_to(ROOT)} is written\n"]))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
