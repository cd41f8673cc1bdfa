"""How the work of validation and of a session grows, in lines of Python executed.

No clock, so nothing that disturbs. What is compiled below them has its own measure, in
:mod:`tests.fuzz.work`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from fixgw.dictionary import Switches, validate
from fixgw.wire import Message, parse_message
from tests.fuzz import grammar
from tests.fuzz.play import Play
from tests.fuzz.scripts import Script

SIZES = (100, 200, 400, 800)
LENGTHS = (75, 150, 300)
"""Of conversations, which cost more."""
TREE = str(grammar.ROOT / "fixgw")


def lines_of(act: Callable[[], Any]) -> int:
    """How many lines of the product it runs."""
    count = 0

    def local(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal count
        count += event == "line"
        return local

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        return local if frame.f_code.co_filename.startswith(TREE) else None

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        act()
    finally:
        sys.settrace(before)
    return count


# -- validation ------------------------------------------------------------------------

_HEAD = [(49, b"A"), (56, b"B"), (34, b"1"), (52, b"20260102-03:04:05")]
_INNER = [(6007, b"n"), (6008, b"1"), (6003, b"1")]

MESSAGES: dict[str, Callable[[int], grammar.Pairs]] = {
    "entries": lambda n: [(6001, b"%d" % n), *[(6002, b"x"), (6009, b"a")] * n],
    "entries with a group each": lambda n: [
        (6001, b"%d" % n),
        *[(6002, b"x"), (6004, b"1"), (6005, b"m"), (6009, b"a")] * n,
    ],
    "nested entries": lambda n: [
        *((6001, b"1"), (6002, b"x"), (6004, b"1"), (6005, b"m"), (6006, b"%d" % n)),
        *_INNER * n,
    ],
    "too few entries": lambda n: [(6001, b"%d" % n), *[(6002, b"x")] * n],
    "shared tags": lambda n: [(6001, b"1"), (6002, b"x"), *[(6003, b"1")] * n],
    "unknown tags": lambda n: [(20_000 + each, b"x") for each in range(n)],
    "unknown tags in an entry": lambda n: [
        (6001, b"1"),
        (6002, b"x"),
        *((20_000 + each, b"x") for each in range(n)),
    ],
    "one tag again and again": lambda n: [(20_000, b"x")] * n,
    "header behind": lambda n: [(6003, b"1"), *[(56, b"B")] * n],
    "trailer between": lambda n: [*[(89, b"x")] * n, (6003, b"1")],
    "counts": lambda n: [(6001, b"0")] * n,
    "hops": lambda n: [(627, b"%d" % n), *[(628, b"h")] * n],
}
SWITCHES = {
    "strict": Switches(),
    "lenient": Switches(
        validate_fields_out_of_order=False,
        validate_user_defined_fields=False,
        allow_unknown_msg_fields=True,
        validate_unordered_group_fields=False,
        first_field_in_group_is_delimiter=True,
    ),
}


def validation() -> dict[str, list[int]]:
    """Lines for each kind of message, by its size."""
    family = grammar.families()[-1]
    counts: dict[str, list[int]] = {}
    for shape in MESSAGES:
        messages = [message(family, shape, size) for size in SIZES]
        for name, switches in SWITCHES.items():
            counts[f"{shape}, {name}"] = [
                _judged(family, each, switches) for each in messages
            ]
    return counts


def message(family: grammar.Family, shape: str, size: int) -> Message:
    """A message of this shape and size."""
    whole = [(35, b"UD"), *_HEAD, (6000, b"x"), *MESSAGES[shape](size)]
    data = grammar.whole(family.begin_string, whole)
    parsed = parse_message(data, 10_000, family.rulebook.data_lengths)
    assert isinstance(parsed, Message), parsed
    return parsed


def _judged(family: grammar.Family, message: Message, switches: Switches) -> int:
    dictionary = family.rulebook.dictionary_for(message)
    assert dictionary is not None
    fields = message.fields()
    return lines_of(lambda: validate(dictionary, message.msg_type, fields, switches))


# -- the session -----------------------------------------------------------------------

_LOGON = "35=A|34=1|98=0|108=30"
_HOLE = ["35=4|34=2|43=Y|122=T|123=Y|36=3"]

SCRIPTS: dict[str, Callable[[int], list[str]]] = {
    "heartbeats": lambda n: ["35=0|34=E"] * n,
    "rejected": lambda n: ["35=D|34=E|11=A"] * n,
    "early": lambda n: [f"35=0|34={seq + 3}" for seq in range(n)] + _HOLE,
    "early, the last first": lambda n: [
        *(f"35=0|34={n - seq + 2}" for seq in range(n)),
        *_HOLE,
    ],
    "early, every second": lambda n: [
        *(f"35=0|34={2 * seq + 3}" for seq in range(n // 2)),
        *(f"35=0|34={2 * seq + 2}" for seq in range(n // 2)),
    ],
    "early ResendRequests": lambda n: [
        f"35=2|34={seq + 3}|7=1|16=1" for seq in range(n)
    ],
    "GapFills": lambda n: ["35=4|34=E|123=Y|36=E+2"] * n,
    "GapFills above a gap": lambda n: ["35=4|34=E+9|123=Y|36=E+12"] * n,
    "resets": lambda n: ["35=A|34=1|98=0|108=30|141=Y"] * n,
    "possible duplicates": lambda n: ["35=0|34=1|43=Y|122=T"] * n,
    "a replay": lambda n: [*["send"] * n, "35=2|34=E|7=1|16=0"],
    "replays of one": lambda n: [
        *["send"] * n,
        *(f"35=2|34=E|7={seq + 2}|16={seq + 2}" for seq in range(n)),
    ],
    "garbled": lambda n: ["35=0|34=E|9=7"] * n,
    "TestRequests above a gap": lambda n: ["35=1|34=E+5|112=x"] * n,
    "Logouts above a gap": lambda n: ["35=5|34=E+5"] * n,
    "ticks": lambda n: ["wait 0.1"] * n,
}
OPTIONS = ("standard", "quickfix redundant chunk", "slices rejects next garbled")


def sessions() -> dict[str, list[int]]:
    """Lines for each kind of conversation, by its length."""
    counts: dict[str, list[int]] = {}
    for shape, lines in SCRIPTS.items():
        for options in OPTIONS:
            counts[f"{shape}, {options}"] = [
                _played(options, lines(size)) for size in LENGTHS
            ]
    return counts


def _played(options: str, lines: list[str]) -> int:
    script = Script("FIX.4.4", frozenset(options.split()), (_LOGON, *lines))
    return lines_of(Play(script).run)
