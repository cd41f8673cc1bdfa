"""Messages and ways to look at them, for the tests of ``fixgw log``."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result

from fixgw.ops.logview.command import log
from fixgw.ops.logview.items import Item
from fixgw.ops.logview.text import TextParser

LENGTHS = {95: 96, 354: 355}


def frame(body: str, version: str = "FIX.4.4") -> bytes:
    """A sound message: ``35=D|49=A|…`` with header, BodyLength and CheckSum."""
    inner = body.replace("|", "\x01").encode() + b"\x01"
    data = f"8={version}\x019={len(inner)}\x01".encode() + inner
    return data + b"10=%03d\x01" % (sum(data) % 256)


def sent(seq: int, kind: str, body: str = "", at: str = "10:00:00.000") -> bytes:
    """A message of BUYER to EXCHANGE."""
    head = f"35={kind}|34={seq}|49=BUYER|52=20261121-{at}|56=EXCHANGE"
    return frame(f"{head}|{body}" if body else head)


def got(seq: int, kind: str, body: str = "", at: str = "10:00:00.000") -> bytes:
    """A message of EXCHANGE to BUYER."""
    head = f"35={kind}|34={seq}|49=EXCHANGE|52=20261121-{at}|56=BUYER"
    return frame(f"{head}|{body}" if body else head)


def quickfix(*messages: bytes) -> bytes:
    """A FileLog of them, as QuickFIX C++ writes it; the stamp is SendingTime(52)."""
    lines = []
    for message in messages:
        at = message.split(b"\x0152=")[1].split(b"\x01")[0]
        lines.append(at + b" : " + message + b"\n")
    return b"".join(lines)


def items(data: bytes, piece: int = 1 << 30) -> list[Item]:
    """What a parser finds in bytes that come in pieces of this size."""
    parser = TextParser(LENGTHS)
    found: list[Item] = []
    for at in range(0, len(data), piece):
        found += parser.feed(data[at : at + piece])
    return [*found, *parser.feed(b"", final=True)]


def view(*arguments: str | Path, stdin: bytes | None = None) -> Result:
    """``fixgw log`` with these arguments."""
    return CliRunner().invoke(log, [str(a) for a in arguments], input=stdin)


def shown(*arguments: str | Path, stdin: bytes | None = None) -> list[str]:
    """Its lines, when all goes well."""
    result = view(*arguments, stdin=stdin)
    assert result.exit_code == 0, result.output
    assert not result.stderr
    return result.stdout.splitlines()


ORDER = sent(2, "D", "11=B-1|38=100|40=2|44=10.00|54=1|55=ACME", "10:00:01.000")
ACCEPTED = got(
    2,
    "8",
    "11=B-1|14=0|17=0-9|37=0-9|38=100|39=0|44=10|54=1|55=ACME|150=0|151=100",
    "10:00:01.005",
)
REPLACE = sent(3, "G", "11=B-2|38=80|40=2|41=B-1|44=10.01|54=1|55=ACME", "10:00:02.000")
REPLACED = got(
    3,
    "8",
    "11=B-2|14=0|17=0-10|37=0-9|38=80|39=0|41=B-1|44=10.01|54=1|55=ACME|150=5|151=80",
    "10:00:02.004",
)
FILL = got(
    4,
    "8",
    "11=B-2|14=80|17=0-12|31=10.01|32=80|37=0-9|38=80|39=2|54=1|55=ACME|150=F|151=0",
    "10:00:03.250",
)
OTHER = sent(4, "D", "11=B-3|38=5|40=1|54=2|55=GLOBEX", "10:00:04.000")
REJECTED = got(
    5,
    "8",
    "11=B-3|14=0|17=1-5|37=1-5|38=5|39=8|54=2|55=GLOBEX|58=closed|103=2|150=8|151=0",
    "10:00:04.001",
)
BAD = sent(5, "D", "11=B-4|38=x|40=2|44=1|54=1|55=ACME", "10:00:05.000")
REFUSED = got(6, "3", "45=5|58=bad value|371=38|373=6", "10:00:05.001")
BEAT = got(7, "0", "", "10:00:06.000")
DAY = (ORDER, ACCEPTED, REPLACE, REPLACED, FILL, OTHER, REJECTED, BAD, REFUSED, BEAT)
LOG_NAME = "FIX.4.4-BUYER-EXCHANGE.messages.current.log"
