"""How the work of the framer and of the screen grows, in basic blocks executed.

Only in the sanitizer build, which counts them: no clock, so nothing that disturbs.
Prints a JSON object from case to the blocks for inputs of each of SIZES, or messages of
each of FIELDS, each twice the one before.
"""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from fixgw.wire import Framer, finish  # noqa: E402
from tests.fuzz import effort, grammar  # noqa: E402
from tests.fuzz.trace import Trace  # noqa: E402

SIZES = (4_000, 8_000, 16_000)
FIELDS = (200, 400, 800)
PIECES = {"whole": 1 << 30, "by 100": 100, "byte by byte": 1}

LIMITS: dict[str, Callable[[int], int]] = {
    "all a message may be": lambda size: 65_536,
    "twice what a message may be": lambda size: size // 2,
}

MESSAGE = finish(b"FIX.4.4", b"35=0\x0134=1\x0149=A\x0156=B\x01")

SHAPES: dict[str, Callable[[int], bytes]] = {
    "messages": lambda size: MESSAGE * (size // len(MESSAGE)),
    "noise": lambda size: b"x" * size,
    "eights": lambda size: b"8" * size,
    "heads": lambda size: b"8=" * (size // 2),
    "heads of fields": lambda size: b"8=A\x01" * (size // 4),
    "no length": lambda size: b"8=" + b"x" * size,
    "no length, many fields": lambda size: b"8=A" + b"\x011=" * (size // 3),
    "bad lengths": lambda size: b"8=A\x019=x\x01" * (size // 8),
    "a long length": lambda size: b"8=A\x019=60000\x01" + b"x" * size,
    "many fields": lambda size: b"8=A\x019=60000\x01" + b"1=2\x01" * (size // 4),
    "no checksum": lambda size: b"8=A\x019=5\x0135=0\x01" + b"x" * size,
    "no checksum, many fields": lambda size: (
        b"8=A\x019=5\x0135=0" + b"\x0110" * (size // 3)
    ),
    "no checksum, many heads": lambda size: b"8=A\x019=5\x0135=0\x01" * (size // 13),
    "no checksum, heads of growing length": lambda size: b"".join(
        b"8=A\x019=%d\x0135=0\x01" % n for n in range(5, 5 + size // 15)
    ),
    "own data fields": lambda size: (
        b"8=A\x019=60000\x01" + b"20000=1\x01" * (size // 8)
    ),
    "data lengths": lambda size: b"8=A\x019=60000\x01" + b"95=9\x01" * (size // 5),
    "long checksums": lambda size: b"8=A\x019=5\x0135=0\x0110=" + b"1" * size,
}


def chunks(data: bytes, piece: int) -> Iterator[bytes]:
    for place in range(0, len(data), piece):
        yield data[place : place + piece]


def cases() -> list[tuple[str, str, str]]:
    return list(itertools.product(SHAPES, PIECES, LIMITS))


def of_the_framer(case: tuple[str, str, str], trace: Trace) -> Iterator[int]:
    shape, name, limit = case
    for size in SIZES:
        data = SHAPES[shape](size)
        framer = Framer(LIMITS[limit](size), size, {20_000: 20_001})
        before = trace.blocks
        for chunk in chunks(data, PIECES[name]):
            framer.feed(chunk)
        yield trace.blocks - before


def of_the_screen(shape: str, trace: Trace) -> Iterator[int]:
    """The long way behind it is not compiled, and has its own measure."""
    family = grammar.families()[-1]
    for size in FIELDS:
        message = effort.message(family, shape, size)
        before = trace.blocks
        family.rulebook.judge(message, effort.SWITCHES["lenient"])
        yield trace.blocks - before


def main() -> None:
    trace = Trace()
    if not trace.available:
        raise SystemExit("this is not the sanitizer build: no blocks are counted")
    work = {", ".join(case): list(of_the_framer(case, trace)) for case in cases()}
    for shape in effort.MESSAGES:
        work[f"screen, {shape}"] = list(of_the_screen(shape, trace))
    sys.stdout.write(json.dumps(work))


if __name__ == "__main__":
    main()
