"""How the framer's work grows with its input, in basic blocks executed.

Only in the sanitizer build, which counts them: no clock, so nothing that disturbs.
Prints a JSON object from case to the blocks for inputs of each of SIZES, each twice the
one before.
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

SIZES = (4_000, 8_000, 16_000, 32_000)
PIECES = {"whole": 1 << 30, "by 100": 100, "byte by byte": 1}

LIMITS: dict[str, Callable[[int], int]] = {
    "all a message may be": lambda size: 65_536,
    "twice what a message may be": lambda size: size // 2,
}

MESSAGE = b"8=FIX.4.4\x019=21\x0135=0\x0134=1\x0149=A\x0156=B\x0110=237\x01"

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


def main() -> None:
    from fixgw.wire import Framer
    from tests.fuzz.trace import Trace

    trace = Trace()
    if not trace.available:
        raise SystemExit("this is not the sanitizer build: no blocks are counted")
    work: dict[str, list[int]] = {}
    for case in cases():
        shape, name, limit = case
        counts = work[", ".join(case)] = []
        for size in SIZES:
            data = SHAPES[shape](size)
            framer = Framer(LIMITS[limit](size), size, {20_000: 20_001})
            before = trace.blocks
            for chunk in chunks(data, PIECES[name]):
                framer.feed(chunk)
            counts.append(trace.blocks - before)
    sys.stdout.write(json.dumps(work))


if __name__ == "__main__":
    main()
