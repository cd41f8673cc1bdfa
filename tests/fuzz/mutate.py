"""Small mutators that know the grammar of what they spoil.

Each takes a random source, an input and the corpus, and gives a new input. About a
third of the changes are to plain bytes; the others keep enough of the form that the
input gets past the first check. None grows an input beyond INPUT_BYTES_MAX.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Sequence
from random import Random

from engine.codes import CommandFlag, CommandKind, Phase
from engine.layouts import Record
from engine.records import (
    COMMAND_BYTES,
    BlockCommand,
    ClockCommand,
    DeadlineCommand,
    InstrumentCommand,
    LimitsCommand,
    MassCommand,
    OrderCommand,
    PhaseCommand,
    TradeCommand,
)

INPUT_BYTES_MAX = 12_000
CHANGES_MAX = 5

Mutator = Callable[[Random, bytes, Sequence[bytes]], bytes]

INTEGERS = (0, 1, 2, 3, 7, 8, 9, 36, 37, 100, 127, 128, 255, 256, 999, 65_535, 65_536)
INTEGERS_64 = (
    *(0, 1, -1, 2, 10**8, 10**18, 10**18 + 1, 92 * 10**17, 92 * 10**17 - 1),
    *(2**31 - 1, 2**31, 2**32 - 1, 2**48 - 1, 2**48, 2**62, 2**63 - 1, -(2**63)),
)
DECIMALS = (
    *(b"0", b"1", b"-1", b"5", b"10", b"100.5", b".5", b"5.", b".", b"-", b"", b"1e3"),
    *(b"0.00000001", b"0.000000001", b"10000000000", b"91999999999.99999999"),
    *(b"92000000000", b"-91999999999", b"9" * 30, b"0" * 40 + b"1", b"+1", b" 1"),
)

# -- bytes -----------------------------------------------------------------------------


def change_bytes(random: Random, data: bytes, corpus: Sequence[bytes]) -> bytes:
    """One change that knows nothing about the form."""
    size = len(data)
    place = random.randrange(size + 1)
    choice = random.randrange(6)
    if choice == 0 and place < size:
        changed = data[place] ^ 1 << random.randrange(8)
        return data[:place] + bytes([changed]) + data[place + 1 :]
    if choice == 1:
        return (
            data[:place] + random.randbytes(random.choice((1, 1, 2, 9))) + data[place:]
        )
    if choice == 2:
        return data[:place] + data[place + random.choice((1, 1, 2, 8, 50)) :]
    if choice == 3:
        begin = random.randrange(size + 1)
        return data[:place] + data[begin : begin + random.randrange(300)] + data[place:]
    if choice == 4:
        other = random.choice(corpus)
        return data[:place] + other[random.randrange(len(other) + 1) :]
    return data[:place]


def _limited(data: bytes) -> bytes:
    return data[:INPUT_BYTES_MAX]


# -- FIX -------------------------------------------------------------------------------

SOH = b"\x01"
TAGS = (
    *(1, 8, 9, 10, 11, 34, 35, 38, 40, 41, 43, 44, 49, 52, 54, 55, 56, 59, 60, 97),
    *(89, 90, 91, 93, 95, 96, 212, 213, 348, 349, 354, 355, 618, 619, 621, 622),
    *(0, -1, -10, 99_999, 999_999_999, 2**31, 10**10),
)
VALUES = (
    *(b"", b"D", b"F", b"G", b"0", b"1", b"2", b"3", b"4", b"Y", b"N", b"FIX.4.4"),
    *(b"ACME", b"FREE", b"c1", b"c2", b"c3", b"c4", b"x" * 36, b"x" * 37, b"\x00"),
    *(b"\x80\xff", b"a=b", b"=", b"10=000", b"8=FIX.4.4", b"x" * 300),
    b"20240229-12:00:00.000",
)
_FRAME = re.compile(
    rb"8=([^\x01]*)\x019=([^\x01]*)\x01(.*?\x01)10=([^\x01]*)\x01", re.S
)


def seal(data: bytes, begin: bool = True) -> bytes:
    """The same with every BodyLength(9) and CheckSum(10) made right."""

    def whole(match: re.Match[bytes]) -> bytes:
        body = match[3]
        head = b"8=%b\x019=%d\x01" % (match[1] if begin else b"FIX.4.4", len(body))
        return head + body + b"10=%03d\x01" % (sum(head + body) % 256)

    return _FRAME.sub(whole, data)


def _fix_field(random: Random, data: bytes) -> bytes:
    """One change to one field."""
    fields = data.split(SOH)
    place = random.randrange(len(fields))
    choice = random.randrange(8)
    tag, _, value = fields[place].partition(b"=")
    if choice == 0:
        del fields[place]
    elif choice == 1:
        fields.insert(random.randrange(len(fields) + 1), fields[place])
    elif choice == 2:
        other = random.randrange(len(fields))
        fields[place], fields[other] = fields[other], fields[place]
    elif choice == 3:
        fields[place] = tag + b"=" + random.choice(VALUES)
    elif choice == 4:
        fields[place] = tag + b"=" + random.choice(DECIMALS)
    elif choice == 5:
        fields[place] = tag + b"=%d" % random.choice(INTEGERS)
    elif choice == 6:
        fields[place] = b"%d=" % random.choice(TAGS) + value
    else:
        size = random.choice((0, 1, 3, 7))
        content = random.choice((b"", SOH, b"\x0110=123\x01", random.randbytes(5)))
        fields[place:place] = [b"95=%d" % (len(content) + size % 3), b"96=" + content]
    return SOH.join(fields)


def _fix_message(random: Random, data: bytes, corpus: Sequence[bytes]) -> bytes:
    """A whole message of another input, between the messages of this one."""
    borders = [match.start() for match in re.finditer(rb"8=FIX", data)] + [len(data)]
    place = random.choice(borders)
    messages = _FRAME.findall(random.choice(corpus))
    if not messages:
        return data
    begin, _, body, _ = random.choice(messages)
    added = seal(b"8=%b\x019=0\x01%b10=000\x01" % (begin, body))
    return data[:place] + added + data[place:]


def fix(random: Random, data: bytes, corpus: Sequence[bytes]) -> bytes:
    """FIX messages: fields, whole messages, bytes; most are sealed afterwards."""
    for _ in range(random.randint(1, CHANGES_MAX)):
        choice = random.random()
        if choice < 0.6:
            data = _fix_field(random, data)
        elif choice < 0.8:
            data = _fix_message(random, data, corpus)
        else:
            data = change_bytes(random, data, corpus)
    if random.random() < 0.7:
        data = seal(data)
        if random.random() < 0.3:
            data = change_bytes(random, data, corpus)
    return _limited(data)


# -- CSV -------------------------------------------------------------------------------

CELLS = (
    *(b"new", b"cancel", b"replace", b"NEW", b"", b"buy", b"sell", b"limit", b"market"),
    *(b"day", b"gtc", b"ioc", b"a", b"b", b"c", b"d", b"ACME", b"X", b'"', b'""', b","),
    *(b"stop", b"stop_limit", b"pegged", b"fok", b"gtd", b"at_the_close", b"yes"),
    *(
        b"primary",
        b"midpoint",
        b"cancel_oldest",
        b"decrement",
        b"phase",
        b"halted",
        b"2000",
    ),
    *(b'"a,b"', b'"a""b"', b'"a"b', b'a"', b"x" * 36, b"x" * 37, b"\x7f", b"\x00"),
)


def _csv_line(random: Random, lines: list[bytes], corpus: Sequence[bytes]) -> None:
    """One change to a line as a whole."""
    place = random.randrange(len(lines))
    choice = random.randrange(5)
    if choice == 0:
        del lines[place]
    elif choice == 1:
        lines.insert(random.randrange(len(lines) + 1), lines[place])
    elif choice == 2:
        other = random.randrange(len(lines))
        lines[place], lines[other] = lines[other], lines[place]
    elif choice == 3:
        lines.insert(place, random.choice(random.choice(corpus).split(b"\n")))
    else:
        lines[place] += random.choice((b"\r", b",", b",x" * 70, b'"'))


def csv(random: Random, data: bytes, corpus: Sequence[bytes]) -> bytes:
    """Lines of an order flow, without the header."""
    for _ in range(random.randint(1, CHANGES_MAX)):
        lines = data.split(b"\n")
        choice = random.random()
        if choice < 0.5:
            place = random.randrange(len(lines))
            cells = lines[place].split(b",")
            cells[random.randrange(len(cells))] = random.choice(
                random.choice((CELLS, DECIMALS))
            )
            lines[place] = b",".join(cells)
            data = b"\n".join(lines)
        elif choice < 0.8:
            _csv_line(random, lines, corpus)
            data = b"\n".join(lines)
        else:
            data = change_bytes(random, data, corpus)
    return _limited(data)


# -- commands --------------------------------------------------------------------------

KINDS = (*CommandKind, *CommandKind, CommandKind.NEW_ORDER, CommandKind.REPLACE, 0, 255)
RECORD_OF_KIND: dict[int, type[Record]] = {
    **dict.fromkeys(CommandKind, OrderCommand),
    CommandKind.MASS_CANCEL: MassCommand,
    CommandKind.MASS_STATUS: MassCommand,
    CommandKind.DEFINE_INSTRUMENT: InstrumentCommand,
    CommandKind.END_OF_DAY: ClockCommand,
    CommandKind.SET_PHASE: PhaseCommand,
    CommandKind.SET_LIMITS: LimitsCommand,
    CommandKind.SET_BLOCKED: BlockCommand,
    CommandKind.TICK: ClockCommand,
    CommandKind.TRADE_CANCEL: TradeCommand,
    CommandKind.TRADE_CORRECT: TradeCommand,
    CommandKind.SET_DEADLINE: DeadlineCommand,
}
TEXTS = (b"", b"A", b"B", b"C", b"D", b"ACME", b"PLAIN", b"x" * 36, b"\xff", b"A\0B")
FLAGS = (*CommandFlag, *CommandFlag, CommandFlag.UNSOLICITED, 0, 0, 31, 65_535)
BYTES: dict[str, Sequence[int]] = {
    "side": b"1212120\x00",
    "ord_type": b"222212134KP\x00",
    "time_in_force": b"01010123467B\x00",
    "stp": b"\x00\x001234\xff",
    "phase": (*Phase, *Phase, 0, 11),
    "then": (*Phase, 0, 0, 0, 0, 99),
    "scope": (1, 1, 2, 2, 0, 3),
    "blocked": (0, 1, 1, 2),
}
"""Good and bad values of the fields of one byte."""
NUMBERS = ("price", "qty", "stop_price", "display_qty", "min_qty", "peg_offset")


def _command_field(random: Random, record: bytearray) -> None:
    """Another value for one field of one command."""
    layout = RECORD_OF_KIND.get(record[0], OrderCommand).layout()
    name, wire, _, offset = random.choice(layout)
    if name == "kind":
        record[offset] = random.choice(KINDS)
    elif name == "flags" and random.random() < 0.7:
        struct.pack_into("<H", record, offset, random.choice(FLAGS))
    elif name == "exec_inst" and random.random() < 0.8:
        struct.pack_into("<H", record, offset, random.randrange(64))
    elif name in BYTES:
        record[offset] = random.choice(BYTES[name])
    elif wire.code.endswith("s"):
        text = random.choice(TEXTS)[: wire.size]
        record[offset : offset + wire.size] = text.ljust(wire.size, b"\0")
    else:
        value = random.choice((random.choice(INTEGERS_64), random.randrange(12)))
        if name in NUMBERS and random.random() < 0.7:
            value = random.randrange(12) * random.choice((1, 1, 10**8))
        size = wire.size
        packed = struct.pack("<q", value)[:size]
        record[offset : offset + size] = packed


def commands(random: Random, data: bytes, corpus: Sequence[bytes]) -> bytes:
    """Packed commands: fields and whole records, now and then plain bytes."""
    size = COMMAND_BYTES
    records = [
        bytearray(data[place : place + size]) for place in range(0, len(data), size)
    ]
    other = random.choice(corpus)
    for _ in range(random.randint(1, CHANGES_MAX)):
        if not records:
            records = [bytearray(other[:size])]
        place = random.randrange(len(records))
        choice = random.random()
        if choice < 0.6 and len(records[place]) == size:
            _command_field(random, records[place])
        elif choice < 0.7:
            records.insert(
                random.randrange(len(records) + 1), bytearray(records[place])
            )
        elif choice < 0.75:
            del records[place]
        elif choice < 0.8:
            other_place = random.randrange(len(records))
            records[place], records[other_place] = records[other_place], records[place]
        elif choice < 0.95:
            begin = (
                random.randrange(len(other) // size) * size if len(other) > size else 0
            )
            records.insert(place, bytearray(other[begin : begin + size]))
        else:
            return _limited(change_bytes(random, b"".join(records), corpus))
    return b"".join(records)[: INPUT_BYTES_MAX // size * size]


# -- PROXY headers ---------------------------------------------------------------------

WORDS = (
    *(b"PROXY", b"TCP4", b"TCP6", b"UNKNOWN", b"1.2.3.4", b"::1", b"0", b"65535", b""),
    *(b"65536", b"01", b"-1", b"1.2.3", b"::ffff:1.2.3.4", b"fe80::1%eth0", b"x" * 60),
    *(b"1.2.3.004", b"\xb9", b"\r", b"\n", b"\x00"),
)


def proxy(random: Random, data: bytes, corpus: Sequence[bytes]) -> bytes:
    """Words of a line, bytes and lengths of a block, and what follows them."""
    for _ in range(random.randint(1, CHANGES_MAX)):
        choice = random.random()
        if choice < 0.5 and data.startswith(b"PROXY"):
            words = data.split(b" ")
            words[random.randrange(len(words))] = random.choice(WORDS)
            data = b" ".join(words)
        elif choice < 0.6 and len(data) >= 16:
            size = random.choice((0, 11, 12, 13, 35, 36, 37, 4096, 4097, 65_535))
            data = data[:14] + struct.pack("!H", size) + data[16:]
        elif choice < 0.7 and len(data) >= 16:
            kinds = bytes(
                (random.choice(b"\x20\x21\x22\x11"), random.choice(BYTES["side"]))
            )
            family = bytes((random.choice(b"\x00\x11\x21\x12\x31"),))
            data = data[:12] + kinds[:1] + family + data[14:]
        elif choice < 0.8:
            data += random.choice((b"8=FIX.4.4\x01", b"\r\n", b"x" * 5_000, b"x" * 110))
        else:
            data = change_bytes(random, data, corpus)
    return _limited(data)


# -- secrets ---------------------------------------------------------------------------

SECRET_TAGS = (554, 925, 1402, 1404, 96, 89, 1401, 1403, 95, 93)
SECRETS = (
    *(b"hunter2hunter2", b"Tr0ub4dor&3", b"pass|word=1", b"se\x01cret9", b"a=b=cdefg"),
    *(b"longsecret|58=x", b"555=554=xyzzy", b"554=insidesecret", b"\x00\xff\x00\xfe12"),
)


def secrets(random: Random, data: bytes, corpus: Sequence[bytes]) -> bytes:
    """FIX messages in which there are passwords and signatures, well-formed or not."""
    for _ in range(random.randint(1, 3)):
        fields = data.split(SOH)
        place = random.randrange(len(fields))
        secret = random.choice(SECRETS)
        tag = random.choice(SECRET_TAGS)
        added = [b"%d=" % tag + secret]
        if tag in (96, 1402, 1404, 89) and random.random() < 0.7:
            length = 93 if tag == 89 else tag - 1
            size = len(secret) + random.choice((0, 0, 0, 1, -1))
            added.insert(0, b"%d=%d" % (length, size))
        fields[place:place] = added
        data = SOH.join(fields)
    if random.random() < 0.3:
        return fix(random, data, corpus)
    return _limited(seal(data))


# -- lines of text ---------------------------------------------------------------------

PIECES = (
    *(b"<TIME>", b"<TIME+1>", b"<TIME.3-2>", b"<FROM:4.2:", b"<TO:4.1:", b">", b"<"),
    *(b"<VERSION>", b"<PROFILE:quickfix:", b"<STAMP>", b"<APPL>", b"<RE:", b"<GET:x>"),
    *(b"<SET:x:", b"<NEXT:x>", b"<MORE>", b"<ANY>", b"<FILE:nothing>", b"|", b"10=0|"),
    *(b"iREPEAT 3", b"iEND", b"eEND", b"eALL", b"eONEOF", b"eWHEN", b"eMAYBE", b"iRAW"),
    *(b"iINCLUDE good", b"iINCLUDE ../x", b"iINCLUDE \x00", b"iINCLUDE /", b"sleep("),
    *(b"I1,", b"E2,", b"i0,", b"e9,", b"sleep(9)", b"sleep(1e9)", b"# NOTIFY: x"),
    *(b"# rule: x", b"# versions: 4.2..", b"# group: 268", b"# settings: A=B", b"\r"),
    *(b"(" * 40, b"[", b"*", b"{9999999}", b"9" * 40, b"\xb2", b"=", b"8=FIX.4.4|"),
)


def lines(random: Random, data: bytes, corpus: Sequence[bytes]) -> bytes:
    """Lines of a script: moved, repeated, and with pieces of the grammar put in."""
    for _ in range(random.randint(1, CHANGES_MAX)):
        rows = data.split(b"\n")
        place = random.randrange(len(rows))
        choice = random.randrange(8)
        if choice == 0:
            del rows[place]
        elif choice == 1:
            rows[place:place] = [rows[place]] * random.choice((1, 1, 3, 60))
        elif choice == 2:
            rows.insert(place, random.choice(random.choice(corpus).split(b"\n")))
        elif choice == 3:
            rows.insert(place, random.choice(PIECES))
        elif choice == 4:
            at = random.randrange(len(rows[place]) + 1)
            rows[place] = rows[place][:at] + random.choice(PIECES) + rows[place][at:]
        elif choice == 5:
            piece = random.choice(PIECES) * random.choice((2, 50, 300))
            rows[place] = rows[place][:20] + piece
        elif choice == 6:
            rows[place] = rows[place].swapcase()
        else:
            data = change_bytes(random, data, corpus)
            continue
        data = b"\n".join(rows)
    return _limited(data)
