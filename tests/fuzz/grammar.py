"""Messages grown from dictionaries, and spoiled where a dictionary looks.

Bytes changed at random hardly ever make a repeating group. So a message is grown from
the layouts of a dictionary: good, with groups and data fields, and then a few of its
fields are dropped, repeated, moved or given another value, and counts another number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

from fixgw.dictionary import APPL_VER_IDS, Dictionary, Field, Rulebook, load
from fixgw.dictionary.model import Group, Layout
from fixgw.wire import finish
from tests.fuzz import mutate

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
FOLDERS = (
    ROOT / "spec",
    ROOT / "tests" / "fix_scenarios" / "dictionaries",
    HERE / "dictionaries",
)
ENTRIES_MAX = 3
HUGE_FIELDS_MAX = 4_000
CHANGES_MAX = 3

STANDARD_LENGTHS = {
    **{tag: tag + 1 for tag in (90, 95, 212, 348, 350, 352, 354, 356, 358, 360, 362)},
    **{tag: tag + 1 for tag in (364, 445, 618, 621, 1184, 1277, 1280, 1282, 1397)},
    **{tag: tag + 1 for tag in (1401, 1403, 1468)},
    93: 89,
}
"""Length fields that every framer knows, whatever a dictionary says of them."""

Pairs = list[tuple[int, bytes]]

GOOD: Mapping[str, Sequence[bytes]] = {
    "CHAR": (b"1", b"a", b" "),
    "BOOLEAN": (b"Y", b"N"),
    "INT": (b"0", b"-7", b"007", b"999999999999999999"),
    "LENGTH": (b"0", b"12"),
    "SEQNUM": (b"1", b"0042"),
    "TAGNUM": (b"1", b"999999999"),
    "DAYOFMONTH": (b"1", b"09", b"31"),
    "CURRENCY": (b"EUR", b"BTC2"),
    "COUNTRY": (b"DE",),
    "EXCHANGE": (b"XETR",),
    "LANGUAGE": (b"en",),
    "MULTIPLEVALUESTRING": (b"A", b"A B"),
    "MULTIPLESTRINGVALUE": (b"AA", b"AA BB"),
    "MULTIPLECHARVALUE": (b"A", b"A B C"),
    "MONTHYEAR": (b"202601", b"20260131", b"202601w5"),
    "UTCTIMESTAMP": (b"20260102-03:04:05", b"20240229-23:59:60.123456789"),
    "UTCTIMEONLY": (b"03:04:05", b"03:04:05.678"),
    "UTCDATEONLY": (b"20260102",),
    "UTCDATE": (b"20260102",),
    "DATE": (b"20260102",),
    "LOCALMKTDATE": (b"20240229",),
    "LOCALMKTTIME": (b"03:04:05",),
    "TZTIMEONLY": (b"03:04Z", b"03:04:05+05:30"),
    "TZTIMESTAMP": (b"20260102-03:04:05Z",),
    "TENOR": (b"D1", b"Y10"),
    "TIME": (b"20260102-03:04:05",),
    "MONTH-YEAR": (b"202601",),
    "DAY-OF-MONTH": (b"31",),
}
"""Values of a type; of those not here, decimals or words."""
_DECIMAL_TYPES = {"FLOAT", "QTY", "PRICE", "PRICEOFFSET", "AMT", "PERCENTAGE"}
_DECIMALS = (b"0", b"-1.5", b"5.", b".5", b"0010.00")
_WORDS = (b"x", b"ACME", b"CLIENT", b"y" * 40)
_CONTENTS = (b"x", b"a\x01b", b"\x0110=123\x01", b"=", b"8=FIX.4.4\x01")


@dataclass(frozen=True)
class Family:
    """The dictionaries of one BeginString(8) in one folder."""

    transport: Dictionary
    applications: Mapping[str, Dictionary]
    rulebook: Rulebook

    @property
    def begin_string(self) -> str:
        return self.transport.begin_string


@cache
def families() -> tuple[Family, ...]:
    """Of every folder, all versions."""
    return tuple(family for folder in FOLDERS for family in _families_in(folder))


def _families_in(folder: Path) -> Iterator[Family]:
    applications: dict[str, Dictionary] = {}
    transport = None
    for path in sorted(folder.glob("*.xml")):
        dictionary = load(path.read_text(), path.name)
        if dictionary.begin_string == "FIXT.1.1":
            transport = dictionary
            continue
        applications[APPL_VER_IDS[dictionary.begin_string]] = dictionary
        if not dictionary.begin_string.startswith("FIX.5"):
            yield Family(dictionary, {"": dictionary}, Rulebook.single(dictionary))
    if transport is not None:
        yield Family(
            transport, applications, Rulebook.fixt(transport, applications, "9")
        )


# -- growing ---------------------------------------------------------------------------


def grown(random: Random, family: Family) -> Pairs:
    """A good message, without BeginString(8), BodyLength(9) and CheckSum(10)."""
    appl_ver_id = random.choice(sorted(family.applications))
    application = family.applications[appl_ver_id]
    messages = {**application.messages, **family.transport.messages}
    msg_type = random.choice(sorted(messages))
    message = messages[msg_type]
    lengths = {**STANDARD_LENGTHS, **family.rulebook.data_lengths}
    body = _section(random, message.body, lengths, 0)
    transport = family.transport
    header = _section(random, transport.header, lengths, 0)
    head = [pair for pair in header if pair[0] not in (8, 9, 35, 1128)]
    if msg_type not in transport.messages and transport is not application:
        head.insert(0, (1128, appl_ver_id.encode()))
    trailer = _section(random, transport.trailer, lengths, 0)
    return [
        (35, msg_type.encode()),
        *head,
        *body,
        *(pair for pair in trailer if pair[0] != 10),
    ]


def _section(
    random: Random, layout: Layout, data_lengths: Mapping[int, int], depth: int
) -> Pairs:
    """Fields of a header, body, trailer or group entry, in the order defined."""
    pairs: Pairs = []
    chance = random.choice((0.0, 0.2, 0.8))
    data_tags = set(data_lengths.values())
    for tag in sorted(layout.places, key=lambda each: layout.places[each]):
        wanted = tag in layout.required or random.random() < chance
        if not wanted or tag in data_tags:
            continue
        if tag in layout.groups:
            pairs += _group(random, layout.groups[tag], data_lengths, depth)
        elif tag in data_lengths:
            if data_lengths[tag] in layout.places:
                content = random.choice(_CONTENTS)
                pairs.append((tag, b"%d" % len(content)))
                pairs.append((data_lengths[tag], content))
        else:
            pairs.append((tag, value_of(random, layout.fields[tag])))
    return pairs


def _group(
    random: Random, group: Group, data_lengths: Mapping[int, int], depth: int
) -> Pairs:
    count = random.randint(0 if depth else 1, ENTRIES_MAX)
    pairs: Pairs = [(group.count_tag, b"%d" % count)]
    for _ in range(count):
        entry = _section(random, group.layout, data_lengths, depth + 1)
        if not entry or entry[0][0] != group.delimiter:
            first = group.layout.fields[group.delimiter]
            entry.insert(0, (group.delimiter, value_of(random, first)))
        pairs += entry
    return pairs


def value_of(random: Random, field: Field) -> bytes:
    """A value that the field accepts."""
    if field.is_enumerated:
        return random.choice(sorted(field.enum)).encode()
    if field.type in _DECIMAL_TYPES:
        return random.choice(_DECIMALS)
    return random.choice(GOOD.get(field.type, _WORDS))


def whole(begin_string: str, pairs: Pairs) -> bytes:
    """The message of these fields, with its length and checksum."""
    content = b"".join(b"%d=%b\x01" % pair for pair in pairs)
    return finish(begin_string.encode(), content)


# -- spoiling --------------------------------------------------------------------------


def _spoiled(random: Random, pairs: Pairs, family: Family) -> Pairs:
    """One change to the fields."""
    pairs = list(pairs)
    place = random.randrange(len(pairs))
    tag, value = pairs[place]
    choice = random.randrange(11)
    if choice == 0:
        del pairs[place]
    elif choice == 1:
        pairs.insert(random.randrange(len(pairs) + 1), pairs[place])
    elif choice == 2:
        other = random.randrange(len(pairs))
        pairs[place], pairs[other] = pairs[other], pairs[place]
    elif choice == 3:
        pairs.insert(random.randrange(len(pairs) + 1), pairs.pop(place))
    elif choice == 4:
        pairs[place] = (tag, random.choice(mutate.VALUES))
    elif choice == 5:
        pairs[place] = (tag, random.choice((*mutate.DECIMALS, b"%d" % tag)))
    elif choice == 6:
        pairs[place] = (random.choice(mutate.TAGS), value)
    elif choice == 7:
        field = random.choice(list(_fields(family)))
        pairs.insert(place, (field.tag, value_of(random, field)))
    elif choice == 8:
        _miscount(random, pairs)
    elif choice == 9:
        _repeat(random, pairs)
    else:
        pairs[place] = (tag, value + random.choice((b"0", b"=", b" ", b"\x01", b"w")))
    return pairs or [(tag, value)]


def _fields(family: Family) -> Iterator[Field]:
    for dictionary in (family.transport, *family.applications.values()):
        yield from dictionary.fields.values()


def _miscount(random: Random, pairs: Pairs) -> None:
    """Another number in a field that is one."""
    places = [at for at, (_, value) in enumerate(pairs) if value.isdigit()]
    if places:
        at = random.choice(places)
        tag, value = pairs[at]
        count = int(value)
        pairs[at] = (
            tag,
            random.choice(
                (
                    *(b"%d" % (count + 1), b"%d" % (count - 1), b"00" + value, b""),
                    *(b"-1", b"+1", b"4294967297", b"999999999", b"9" * 19, b"1.0"),
                )
            ),
        )


def _repeat(random: Random, pairs: Pairs) -> None:
    """A run of fields again and again, as many entries of a group would be."""
    begin = random.randrange(len(pairs))
    run = pairs[begin : begin + random.randint(1, 4)]
    times = random.choice((1, 2, 10, HUGE_FIELDS_MAX // len(run)))
    pairs[begin:begin] = run * times
    before = pairs[begin - 1] if begin else None
    if before is not None and before[1].isdigit() and random.random() < 0.8:
        count = int(before[1][:9])
        pairs[begin - 1] = (before[0], b"%d" % random.choice((count + times, times)))


def message(random: Random, data: bytes, corpus: Sequence[bytes]) -> bytes:
    """A message grown and spoiled; now and then one of the corpus is."""
    if random.random() < 0.15:
        return mutate.fix(random, data, corpus)
    family = random.choice(families())
    pairs = grown(random, family)
    for _ in range(random.randint(0, CHANGES_MAX)):
        pairs = _spoiled(random, pairs, family)
        if len(pairs) > 2 * HUGE_FIELDS_MAX:
            break
    return whole(family.begin_string, pairs)
