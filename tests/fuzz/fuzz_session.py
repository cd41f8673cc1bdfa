"""The session: whatever the client sends and however time passes, its rules hold.

They are those of :mod:`tests.fuzz.watch`. And the same bytes cut in another way have
the same effects.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from zlib import crc32

from tests.fuzz import scripts
from tests.fuzz.play import Play, Tape
from tests.fuzz.scripts import Script

CORPUS = "session"
MUTATE = scripts.script


SEEN: set[tuple[str, ...]] = set()
"""What a session did at one thing that happened."""


def cut(tape: Tape, random: Random) -> Iterator[bytes | str]:
    """The same tape; bytes that follow one another in other pieces."""
    size = random.choice((1, 30, 100, 300, 1 << 20))
    waiting = b""
    for each in (*tape, ""):
        if isinstance(each, bytes):
            waiting += each
            continue
        while waiting:
            piece = waiting[: random.randint(1, size)]
            waiting = waiting[len(piece) :]
            yield piece
        if each:
            yield each


def check(data: bytes) -> None:
    script = Script.read(data)
    play = Play(script)
    play.run()
    SEEN.update(play.watch.outcomes)
    other = Play(script)
    other.again(cut(play.tape, Random(crc32(data))))
    assert _shown(other) == _shown(play), "cut in another way"


def _shown(play: Play) -> list[str]:
    """Everything that was done, and what it left behind."""
    return [*map(repr, play.done), repr(play.session.numbers), str(play.session.state)]
