"""Scripts of what happens to a session, as text, and a mutator for them.

The first line names the version and what is set; each further line is one thing that
happens::

    FIX.4.4 quickfix chunk next
    35=A|34=1|98=0|108=30     the client sends this
    35=D|34=E+2|11=A          E is the number expected of it
    35=2|34=E|7=1|16=S-1      S is the next that we send
    35=0|34=E|52=T-130        T is the time
    garble 8=FIX.4.4|9=x|     the client sends these bytes
    wait 12.5                 seconds pass, with their ticks
    lose                      the connection breaks

The other words are those of :mod:`tests.fuzz.play`. What cannot be read is left out, so
that every input is a script.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from tests.fuzz import mutate

LINES_MAX = 80
CHANGES_MAX = 4

VERSIONS = ("FIX.4.0", "FIX.4.1", "FIX.4.2", "FIX.4.3", "FIX.4.4", "FIXT.1.1")
OPTIONS = (
    *("chunk", "closed", "redundant", "next", "last", "nopersist", "interleave"),
    *("rejects", "throttle", "resendmax", "gapfill", "perminute", "age", "skip"),
    *("resetlogon", "resetlogout", "resetend", "atlogon", "refuse", "nonumbers"),
    *("garbled", "posdup", "servedup", "noorig", "nolatency", "nocompid", "nocheck"),
    *("unchecked", "lenient", "onerror", "reseterror", "beat", "daily", "resettime"),
    *("sayso", "quickfix", "standard", "routes", "nanos", "empty", "slices", "refresh"),
)
NUMBERS = (
    *("E", "E", "E", "E+1", "E+2", "E+5", "E+12", "E-1", "E-2", "S", "S-1", "S-2"),
    *("S+1", "1", "0", "2", "-1", "007", "999999", "1000000000000000", "9" * 18, "x"),
    *("9" * 19, "", "~", "T-1", "T+1", "T-130", "T+130", "Y", "N", "A", "BOOM"),
)
TAGS = (
    *(7, 8, 9, 10, 11, 16, 34, 35, 36, 43, 45, 49, 52, 56, 58, 89, 93, 95, 96, 97),
    *(98, 108, 112, 115, 116, 122, 123, 128, 129, 141, 144, 212, 213, 369, 372, 373),
    *(347, 553, 554, 627, 628, 789, 1128, 1137, 1409, 5001, 0),
)
TYPES = tuple("012345AADDDDDFGBUj8V3") + ("U1", "ZZ", "AE", "")
ORDER = "11=A|54=1|55=XYZ|60=T|38=5|40=1|21=1"
POOL = (
    f"35=D|34=E|{ORDER}",
    f"35=D|34=E+1|{ORDER}",
    f"35=D|34=E+2|{ORDER}",
    f"35=D|34=E|43=Y|122=T|{ORDER}",
    f"35=D|34=E-1|43=Y|122=T|{ORDER}",
    f"35=D|34=E|97=Y|{ORDER}",
    f"35=D|34=E|{ORDER.replace('11=A', '11=BOOM')}",
    f"35=D|34=E|{ORDER.replace('11=A', '11=OUT')}",
    f"35=D|34=E|115=DESK|128=ELSE|144=L|{ORDER.replace('11=A', '11=NO')}",
    "35=A|34=1|98=0|108=30",
    "35=A|34=E|98=0|108=30",
    "35=A|34=E+3|98=0|108=2",
    "35=A|34=E|98=0|108=30|789=S",
    "35=A|34=E|98=0|108=30|789=S-2",
    "35=A|34=E+2|98=0|108=30|789=S-3",
    "35=A|34=E|98=0|108=30|789=S+1",
    "35=A|34=1|98=0|108=30|141=Y",
    "35=A|34=1|98=0|108=30|141=Y|789=1",
    "35=A|34=1|98=0|108=0|1137=9",
    "35=A|34=E|98=0|108=30|1137=9|789=1",
    "35=0|34=E",
    "35=0|34=E|112=TEST",
    "35=0|34=E+1",
    "35=1|34=E|112=x",
    "35=1|34=E+1|112=y",
    "35=1|34=E-1|43=Y|122=T|112=z",
    "35=2|34=E|7=1|16=0",
    "35=2|34=E|7=1|16=999999",
    "35=2|34=E|7=2|16=S-2",
    "35=2|34=E+2|7=1|16=0",
    "35=2|34=E-1|7=1|16=0",
    "35=2|34=E-1|43=Y|122=T|7=1|16=0",
    "35=3|34=E|45=1|58=no",
    "35=4|34=E|43=Y|122=T|123=Y|36=E+1",
    "35=4|34=E|43=Y|122=T|123=Y|36=E+3",
    "35=4|34=E+1|123=Y|36=E+4",
    "35=4|34=E|123=Y|36=E",
    "35=4|34=E|123=Y|36=E-1",
    "35=4|34=E|36=E+3",
    "35=4|34=1|36=E+1",
    "35=4|34=E|36=1",
    "35=5|34=E",
    "35=5|34=E+2",
    "35=5|34=E-1",
    "garble 8=FIX.4.4|9=5|35=0|10=000|",
    "garble 8=FIX.4.4|9=60|35=0|34=2|",
    "garble noise",
    "35=0|34=E|9=7",
    "35=D|34=E|10=000|11=A",
    *("wait 0.1", "wait 5", "wait 11", "wait 31", "wait 40", "wait 80", "wait 90000"),
    *("lose", "lose", "restart", "send", "send", "send 3", "logout", "leave", "break"),
    *("hold", "slice 1", "slice 2", "flow", "next_in 5", "next_out 20", "reset"),
)


@dataclass(frozen=True)
class Script:
    """What is set, and what happens."""

    version: str
    options: frozenset[str]
    lines: tuple[str, ...]

    @classmethod
    def read(cls, data: bytes) -> Script:
        """The script that any bytes are."""
        head, *lines = data.decode("latin-1").split("\n")
        words = head.split()
        version = next((word for word in words if word in VERSIONS), "FIX.4.4")
        return cls(
            version,
            frozenset(words).intersection(OPTIONS),
            tuple(line.strip(" ") for line in lines if line.strip(" "))[:LINES_MAX],
        )


def _change_field(random: Random, line: str) -> str:
    """Another value, or another field, in a message."""
    parts = line.split("|")
    place = random.randrange(len(parts))
    tag, _, value = parts[place].partition("=")
    choice = random.randrange(7)
    if choice == 0:
        del parts[place]
    elif choice == 1:
        parts.insert(random.randrange(1, len(parts) + 1), parts[place])
    elif choice == 2:
        parts[place] = f"{random.choice(TAGS)}={value}"
    elif choice == 3:
        added = f"{random.choice(TAGS)}={random.choice(NUMBERS)}"
        parts.insert(random.randrange(1, len(parts) + 1), added)
    elif choice == 4 and parts[0].startswith("35="):
        parts[0] = f"35={random.choice(TYPES)}"
    else:
        parts[place] = f"{tag}={random.choice(NUMBERS)}"
    return "|".join(parts)


def _change_head(random: Random, head: str) -> str:
    """Another version or other settings."""
    words = head.split()
    choice = random.randrange(4)
    if choice == 0:
        words = [random.choice(VERSIONS), *words[1:]]
    elif choice == 1 and len(words) > 1:
        del words[random.randrange(1, len(words))]
    else:
        words.append(random.choice(OPTIONS))
    return " ".join(words)


def _change_lines(random: Random, lines: list[str], other: list[str]) -> None:
    """One change to the things that happen; the first line stays."""
    place = random.randrange(1, len(lines) + 1)
    at = min(place, len(lines) - 1)
    choice = random.randrange(8)
    if choice == 0 and at:
        del lines[at]
    elif choice == 1 and at:
        lines.insert(place, lines[at])
    elif choice == 2 and at:
        lines[at : at + 2] = lines[at : at + 2][::-1]
    elif choice == 3 and len(other) > 1:
        begin = random.randrange(1, len(other))
        lines[place:place] = other[begin : begin + random.randint(1, 6)]
    elif choice in (4, 5) and lines[at].startswith("35="):
        lines[at] = _change_field(random, lines[at])
    else:
        lines.insert(place, random.choice(POOL))


def script(random: Random, data: bytes, corpus: Sequence[bytes]) -> bytes:
    """Lines, fields of messages, settings; now and then plain bytes."""
    for _ in range(random.randint(1, CHANGES_MAX)):
        lines = data.decode("latin-1").split("\n")
        chance = random.random()
        if chance < 0.12:
            lines[0] = _change_head(random, lines[0])
        elif chance < 0.95:
            other = random.choice(corpus).decode("latin-1").split("\n")
            _change_lines(random, lines, other)
        else:
            data = mutate.change_bytes(random, data, corpus)
            continue
        data = "\n".join(lines).encode("latin-1")
    return data[: mutate.INPUT_BYTES_MAX]
