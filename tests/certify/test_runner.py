"""Which dialogues run side by side, and which never do."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from fixgw.certify.dialogue import (
    Dialogue,
    Names,
    ScriptError,
    is_wanted,
    parse,
    settings_by_session,
)
from fixgw.certify.grouping import groups_of, phases_of
from fixgw.certify.runner import Run, run
from fixgw.certify.sessionsfile import sessions_text
from fixgw.certify.situation import Situation
from fixgw.certify.transcript import Outcome, Result
from tests.certify.fakes import Line, acceptor, dialogue


def logon(*clients: str, head: str = "", name: str = "x", rest: str = "") -> Dialogue:
    """A dialogue that logs on as these clients, one after the other."""
    lines = [
        f"iCONNECT\nI8=FIX.4.4|35=A|49={client}|56=S|\niDISCONNECT\n"
        for client in clients
    ]
    return dialogue(head + "".join(lines) + rest, name=name)


def names(groups: list[list[Dialogue]]) -> list[list[str]]:
    return [[item.name for item in group] for group in groups]


def test_sessions_make_groups() -> None:
    items = [
        logon("A", name="1"),
        logon("B", name="2"),
        logon("A", name="3"),
        logon("C", name="4"),
        logon("C", "B", name="5"),
        dialogue("iCONNECT\n", name="6"),
    ]
    assert names(groups_of(items)) == [["2", "4", "5"], ["1", "3"], ["6"]]


def test_a_wrong_begin_string_joins_nothing() -> None:
    wrong = "iCONNECT\nI8=FIX.3.9|35=A|49=X|56=S|\n"
    items = [logon("A", name="1", rest=wrong), logon("B", name="2", rest=wrong)]
    assert names(groups_of(items)) == [["1"], ["2"]]


def test_exclusive_ones_run_alone_and_last() -> None:
    items = [
        logon("A", name="1", head="# exclusive: yes\n"),
        logon("B", name="2"),
        logon("C", name="3", head="# exclusive: yes\n"),
        logon("D", name="4"),
    ]
    phases = phases_of(items)
    assert [names(groups) for groups in phases] == [[["2"], ["4"]], [["1"]], [["3"]]]


class Census:
    """An acceptor that notes who is there with whom."""

    def __init__(self) -> None:
        self.there: list[bytes] = []
        self.most = 0
        self.met_itself = False

    async def __call__(self, line: Line) -> None:
        data = await line.read()
        client = data.partition(b"\x0149=")[2].partition(b"\x01")[0]
        self.met_itself |= client in self.there
        self.there.append(client)
        self.most = max(self.most, len(self.there))
        await asyncio.sleep(0.1)
        await line.rest()
        self.there.remove(client)


def carry_out(
    items: list[Dialogue], jobs: int = 16, rounds: int = 1
) -> tuple[Run, Census]:
    census = Census()
    begun: list[str] = []
    ended: list[Result] = []

    async def main() -> Run:
        async with acceptor(census) as port:
            return await run(
                items,
                Situation("127.0.0.1", port),
                jobs=jobs,
                rounds=rounds,
                on_begin=lambda item: begun.append(item.name),
                on_end=ended.append,
            )

    done = asyncio.run(main())
    assert len(begun) == len(ended) == len(items) * rounds
    return done, census


ITEMS = [logon(f"C{n % 4}", name=f"{n}") for n in range(8)]


def test_groups_run_side_by_side() -> None:
    done, census = carry_out(ITEMS)
    assert done.is_good
    assert census.most == 4
    assert not census.met_itself
    assert [result.dialogue.name for result in done.results] == [
        f"{n}" for n in range(8)
    ]


def test_skipped_ones_join_no_groups() -> None:
    both = logon("C0", "C1", name="both", rest="iOPERATOR x\n")
    done, census = carry_out([ITEMS[0], both, ITEMS[1]])
    assert census.most == 2
    assert [result.outcome.value for result in done.results] == [
        "passed",
        "skipped",
        "passed",
    ]


def test_jobs_are_a_limit() -> None:
    assert carry_out(ITEMS[:4], jobs=2)[1].most == 2
    assert carry_out(ITEMS[:4], jobs=1)[1].most == 1


def test_repeating() -> None:
    done, census = carry_out(ITEMS[:2], rounds=3)
    assert [result.round for result in done.results] == [1, 1, 2, 2, 3, 3]
    assert not census.met_itself


def test_a_run_is_good_when_something_passed_and_nothing_failed() -> None:
    skipped = dialogue("iOPERATOR x\n", name="skipped")
    failed = dialogue("iFAIL on purpose\n", name="failed")
    assert not carry_out([skipped])[0].is_good
    assert carry_out([skipped, ITEMS[0]])[0].is_good
    done = carry_out([failed, ITEMS[0]])[0]
    assert not done.is_good
    assert [done.count(outcome) for outcome in Outcome] == [1, 1, 0]


def test_choosing() -> None:
    item = dialogue("# rule: 2.c\n# title: Too low\niCONNECT\n", name="a/Some")
    for words in ((), ("some",), ("2.C",), ("too LOW",), ("rule:2.c",), ("x", "low")):
        assert is_wanted(item, "", words)
    for words in (("other",), ("rule:2",)):
        assert not is_wanted(item, "", words)
    strict = dialogue("# profile: quickfix\niCONNECT\n")
    assert is_wanted(strict, "quickfix", ())
    assert not is_wanted(strict, "standard", ())
    assert is_wanted(item, "standard", ())


NEEDY = """\
# versions: FIX.4.4 FIX.5.0SP2
# client: FAST{v}
# settings: ResetOnLogon=N HeartBtIntMax=60
iCONNECT
I8=<VERSION>|35=A|49=<CLIENT>|56=<SERVER>|<APPL>
"""


def test_the_sessions_that_dialogues_need() -> None:
    needy, _ = parse(NEEDY, Path("x.def"), "x", Names())
    text = sessions_text([*needy, logon("PLAIN")])
    assert text.count("[SESSION]") == 3
    assert (
        "[SESSION]\nBeginString=FIXT.1.1\nSenderCompID=ISLD\nTargetCompID=FAST50SP2\n"
        "DefaultApplVerID=FIX.5.0SP2\nResetOnLogon=N\nHeartBtIntMax=60\n"
    ) in text
    assert settings_by_session(needy)["FIX.4.4", "FAST44", "ISLD"] == {
        "ResetOnLogon": "N",
        "HeartBtIntMax": "60",
    }


def test_one_session_cannot_be_configured_twice() -> None:
    one, _ = parse(NEEDY, Path("x.def"), "x", Names())
    two, _ = parse(NEEDY.replace("=60", "=30"), Path("y.def"), "y", Names())
    with pytest.raises(ScriptError, match="another dialogue wants 60"):
        sessions_text([*one, *two])
