"""Every dialogue in every version it is for: ``session/`` under both profiles against
an echo, ``orders/`` and ``marketdata/`` against the exchange. All are played once, side
by side."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from fixgw.certify import Outcome, Result
from fixgw.certify.dialogue import PROFILES
from tests.fix_scenarios.acceptor import SESSION, dialogues
from tests.fix_scenarios.exchange import MARKET_DATA, ORDERS, order_dialogues
from tests.fix_scenarios.standard import CASES
from tests.fix_scenarios.table import (
    DOCUMENT,
    EXCHANGE,
    ROOT,
    Played,
    document,
    play_all,
)

# Whoever comes first plays them all.
pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def played() -> Played:
    """What came of everything."""
    with TemporaryDirectory(prefix="fixgw-scenarios-") as folder:
        return play_all(Path(folder))


@pytest.fixture(scope="module")
def by_script(played: Played) -> Mapping[tuple[str, str], list[Result]]:
    """The same by kind and script."""
    found: dict[tuple[str, str], list[Result]] = defaultdict(list)
    for kind, results in played.items():
        for result in results:
            found[kind, result.dialogue.name].append(result)
    return found


SCRIPTS = [
    *(
        (profile, name)
        for profile in PROFILES
        for name in sorted({each.name for each in dialogues(profile)})
    ),
    *((EXCHANGE, name) for name in sorted({each.name for each in order_dialogues()})),
]


@pytest.mark.parametrize(("kind", "name"), SCRIPTS)
def test_dialogue(
    kind: str, name: str, by_script: Mapping[tuple[str, str], list[Result]]
) -> None:
    results = by_script[kind, name]
    assert results
    failed = [each for each in results if each.outcome is not Outcome.PASSED]
    assert not failed, "\n".join(
        f"{each.dialogue.label}, line {each.line}: {each.reason}" for each in failed
    )


def test_no_script_is_left_out() -> None:
    paths = {each.path for profile in PROFILES for each in dialogues(profile)}
    assert paths == set(SESSION.rglob("*.def"))
    scripts = {*ORDERS.rglob("*.def"), *MARKET_DATA.rglob("*.def")}
    assert {each.path for each in order_dialogues()} == scripts


def test_every_case_of_the_standard_is_proven(played: Played) -> None:
    assert len(CASES) == len({case.id for case in CASES}) == 85
    rules = {each.dialogue.rule for results in played.values() for each in results}
    for case in CASES:
        assert case.id in rules or case.test or case.instead in rules, case.id
        if case.test:
            file, _, name = case.test.partition("::")
            assert name in names_of_tests(ROOT / file), case.test


def names_of_tests(path: Path) -> list[str]:
    """The names of the tests of a file."""
    tree = ast.parse(path.read_text())
    return [
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]


def test_the_document_says_what_came_of_them(played: Played) -> None:
    assert document(played) == DOCUMENT.read_text(), (
        "run: python -m tests.fix_scenarios.table"
    )
