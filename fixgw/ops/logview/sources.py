"""Files and pipes, and what comes out of them as they grow."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

from fixgw.ops.logview.items import Item, LogProblem, Remark
from fixgw.ops.logview.text import TextParser

READ_BYTES = 256 * 1024
_HEAD_BYTES = 64

EXPECTED = """\
Known are:
  an outbox of ours         data/gateway-0/outbox, or a segment of it
  QuickFIX message logs     FIX.4.4-A-B.messages.current.log, also of QuickFIX/J, /n, Go
  QuickFIX event logs       FIX.4.4-A-B.event.current.log
  QuickFIX file stores      FIX.4.4-A-B.body
  any text                  messages with SOH, | or ^A between fields; - is stdin"""


class Source(Protocol):
    """One log: ``rewind``, ``read``, then ``poll`` for what comes, or ``finish``."""

    name: str
    can_rewind: bool

    def rewind(self) -> None:
        """Begin again at the first item, as often as ``can_rewind`` allows. Raises
        LogProblem."""

    def read(self) -> Iterator[Item]:
        """What is complete up to now."""

    def poll(self) -> Iterator[Item]:
        """What came since then."""

    def finish(self) -> Iterator[Item]:
        """What is unfinished, as nothing more is awaited. Raises LogProblem for a log
        in which nothing was found."""

    def close(self) -> None:
        """Let go of files."""


class FileSource:
    """A file that may grow, shrink, or be replaced by another of its name."""

    can_rewind = True

    def __init__(
        self, path: Path, new_parser: Callable[[], TextParser], to_come: bool = False
    ) -> None:
        """``to_come``: it may not be there yet."""
        self.name = str(path)
        self._to_come = to_come
        self._path = path
        self._new_parser = new_parser
        self._parser = new_parser()
        self._file = -1
        self._offset = 0
        self._head = b""

    def rewind(self) -> None:
        """Open the file anew."""
        self.close()
        try:
            self._file = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError as error:
            if not self._to_come:
                raise LogProblem(f"{self.name}: {error.strerror}") from error
        except OSError as error:
            raise LogProblem(f"{self.name}: {error.strerror}") from error
        self._begin()

    def _begin(self) -> None:
        self._offset, self._head = 0, b""
        self._parser = self._new_parser()

    def read(self) -> Iterator[Item]:
        """What is complete up to the end of the file."""
        while self._file >= 0 and (data := os.read(self._file, READ_BYTES)):
            if len(self._head) < _HEAD_BYTES:
                self._head += data[: _HEAD_BYTES - len(self._head)]
            self._offset += len(data)
            yield from self._parser.feed(data)

    def finish(self) -> Iterator[Item]:
        """What is unfinished."""
        yield from self._parser.feed(b"", final=True)
        if self._offset and not self._parser.found:
            raise LogProblem(f"{self.name}: no FIX message in it.\n{EXPECTED}")

    def poll(self) -> Iterator[Item]:
        """What came, also if the file was truncated or replaced meanwhile."""
        if self._file >= 0 and self._was_cut():
            yield Remark(f"{self.name} was truncated", None)
            os.lseek(self._file, 0, os.SEEK_SET)
            self._begin()
        yield from self.read()
        if self._is_another():
            if self._file >= 0:
                yield from self.read()  # what came between the two looks
                yield from self._parser.feed(b"", final=True)
                yield Remark(f"{self.name} was replaced, this is the new one", None)
            with contextlib.suppress(LogProblem):
                self.rewind()
                yield from self.read()

    def close(self) -> None:
        """Close the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _was_cut(self) -> bool:
        """Shorter than we are far, or begun again with other bytes."""
        if os.fstat(self._file).st_size < self._offset:
            return True
        return os.pread(self._file, len(self._head), 0) != self._head

    def _is_another(self) -> bool:
        """Whether the name leads to another file than the one that is open."""
        try:
            named = os.stat(self._path)
        except OSError:
            return False
        if self._file < 0:
            return True
        ours = os.fstat(self._file)
        return (ours.st_dev, ours.st_ino) != (named.st_dev, named.st_ino)


class PipeSource:
    """A pipe: can be read once, as it comes."""

    can_rewind = False

    def __init__(self, name: str, pipe: BinaryIO, parser: TextParser) -> None:
        self.name = name
        self._pipe = pipe
        self._parser = parser
        self._size = 0
        self.before_wait: Callable[[], None] = lambda: None
        """Called before each look at the pipe, which may take for ever."""

    def rewind(self) -> None:
        """A pipe cannot go back."""

    def read(self) -> Iterator[Item]:
        """Everything until the other side closes."""
        while True:
            self.before_wait()
            data = self._pipe.read1(READ_BYTES)  # type: ignore[attr-defined]
            if not data:
                return
            self._size += len(data)
            yield from self._parser.feed(data)

    def poll(self) -> Iterator[Item]:
        """Nothing: its end was its end."""
        return iter(())

    def finish(self) -> Iterator[Item]:
        """What is unfinished."""
        yield from self._parser.feed(b"", final=True)
        if self._size and not self._parser.found:
            raise LogProblem(f"{self.name}: no FIX message in it.\n{EXPECTED}")
        self._size = 0

    def close(self) -> None:
        """Let go of the pipe; standard input too, nobody else reads it."""
        self._pipe.close()
