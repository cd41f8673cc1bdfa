"""Finds the messages in any text, as it comes: files, pipes, a follower's pieces.

A message ends where its BodyLength(9) says, if a CheckSum(10) is there; otherwise with
the CheckSum(10) of its line, with the line, or where the next one begins. So values
may hold line breaks, and a message that was cut off is still shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from fixgw.client.message import Message
from fixgw.ops.logview import prefixes
from fixgw.ops.logview.fields import SEPARATORS, masked_text, take_apart
from fixgw.ops.logview.items import Item, Logged, Remark
from fixgw.ops.logview.prefixes import Prefix
from fixgw.ops.logview.times import find_time

MESSAGE_BYTES_MAX = 1 << 20
"""What is longer is cut: the gateway takes far less, and memory has to end."""

FRAME_BYTES_MAX = 1 << 16
"""A BodyLength(9) above this is not believed: one wrong digit would swallow a day."""

LINE_BYTES_MAX = 1 << 16
"""A line without a message that is longer is passed over."""

_SEPARATOR = b"|".join(re.escape(separator) for separator in SEPARATORS)
_START = re.compile(rb"(?<![0-9])8=FIXT?\.[0-9A-Za-z.]{1,12}(" + _SEPARATOR + rb")9=")
_TRAILERS = {
    separator: re.compile(b"%b10=[^\\s)]{0,8}?%b" % ((re.escape(separator),) * 2))
    for separator in SEPARATORS
}
_LENGTH = re.compile(rb"[0-9]{1,7}")
_KEPT_BYTES = prefixes.PREFIX_CHARS_MAX + 40
"""Of a line that is passed over: what may be a message's prefix, or its beginning."""


class TextParser:
    """Feed it bytes, take items.

    ``sent`` judges where the log does not say whether its owner sent a message.
    ``other_lines``: also lines of no known kind. The items do not depend on how the
    bytes were cut.
    """

    def __init__(
        self,
        lengths: Mapping[int, int],
        sent: Callable[[Message], bool | None] = lambda message: None,
        other_lines: bool = False,
    ) -> None:
        self._lengths = lengths
        self._sent = sent
        self._other_lines = other_lines
        self._data = b""
        self._start: re.Match[bytes] | None = None  # the next message's beginning
        self._said: Prefix | None = None  # a screen's first line of two
        self._at_ns: int | None = None
        self._line_used = False  # what is left of the line belongs to its message
        self.found = 0
        """How many items there were."""

    def feed(self, data: bytes, final: bool = False) -> Iterator[Item]:
        """The items that are complete now; with ``final`` the rest as well."""
        self._data += data
        self._start = _START.search(self._data)
        at = 0
        while True:
            item, after = self._next(at, final)
            if item is not None:
                self.found += 1
                yield item
            if after == at:
                break
            at = after
        self._data = self._data[at:]

    def _next(self, at: int, final: bool) -> tuple[Item | None, int]:
        """One item or none, and where to go on: at the same place, wait for more."""
        data, start = self._data, self._start
        if start is not None and start.start() < at:
            start = self._start = _START.search(data, at)
        newline = data.find(b"\n", at, start.start() if start else len(data))
        if newline >= 0:
            return self._line(data[at:newline]), newline + 1
        if start is None:
            return self._unfinished(at, final)
        begin = start.start()
        self._start = _START.search(data, start.end())
        end = self._end(start, final)
        if end < 0:
            self._start = start
            return None, at
        before = data[max(at, begin - prefixes.PREFIX_CHARS_MAX) : begin]
        self._line_used = True
        return self._message(before, data[begin:end], start[1]), end

    def _unfinished(self, at: int, final: bool) -> tuple[Item | None, int]:
        """Text without a line's end and without a message's beginning."""
        size = len(self._data)
        if final:
            return self._line(self._data[at:]) if size > at else None, size
        if size - at <= LINE_BYTES_MAX:
            return None, at
        self._line_used = True
        return None, size - _KEPT_BYTES

    # -- messages ----------------------------------------------------------------------

    def _end(self, start: re.Match[bytes], final: bool) -> int:
        """Behind the message; -1 when more is to come that decides it."""
        data, begin = self._data, start.start()
        framed = self._framed_end(start)
        if framed > 0 or (framed < 0 and not final):
            return framed
        other = self._start.start() if self._start is not None else len(data)
        limit = data.find(b"\n", begin, other)
        limit = min(limit if limit >= 0 else other, begin + MESSAGE_BYTES_MAX)
        trailer = _TRAILERS[start[1]].search(data, start.end() - 2, limit)
        if trailer is not None:
            return trailer.end()
        if limit == len(data) and not final:
            return -1
        # Cut off, or without a separator behind the last field.
        return begin + len(data[begin:limit].rstrip(b" \t\r\n)"))

    def _framed_end(self, start: re.Match[bytes]) -> int:
        """The end BodyLength(9) leads to; 0 if it leads nowhere, -1 if not so far
        yet."""
        data, separator = self._data, start[1]
        if len(separator) != 1:
            return 0
        length = _LENGTH.match(data, start.end())
        if length is None:
            return -1 if start.end() == len(data) else 0
        body = length.end() + 1
        if body > len(data):
            return -1
        if data[body - 1 : body] != separator or int(length[0]) > FRAME_BYTES_MAX:
            return 0
        trailer = body + int(length[0])
        end = trailer + len("10=000|")
        if end > len(data):
            return -1
        framed = data[trailer - 1 : trailer + 3] == separator + b"10="
        return end if framed and data[end - 1 : end] == separator else 0

    def _message(self, before: bytes, raw: bytes, separator: bytes) -> Logged:
        fields, fault = take_apart(raw, separator, self._lengths)
        message = Message(fields)
        said = prefixes.of_message(_text(before))
        if self._said is not None and not before.strip(b" \t("):
            said = self._said
        self._said = None
        at_ns = said.at_ns if said.at_ns is not None else find_time(message.get(52))
        outgoing = said.outgoing if said.outgoing is not None else self._sent(message)
        self._at_ns = at_ns if at_ns is not None else self._at_ns
        return Logged(message, at_ns, outgoing, fault)

    # -- other lines -------------------------------------------------------------------

    def _line(self, line: bytes) -> Remark | None:
        """A line, or what is left of one behind its message."""
        used, self._line_used = self._line_used, False
        if used or len(line) > LINE_BYTES_MAX:
            return None
        text = masked_text(_text(line).rstrip())
        if not text.strip():
            return None
        said, self._said = self._said, None
        if said is not None and said.is_event and text.startswith("  ("):
            return Remark(text.strip()[1:].removesuffix(")"), said.at_ns)
        known = prefixes.of_line(text)
        if known is not None:
            self._at_ns = known.at_ns if known.at_ns is not None else self._at_ns
            if known.rest:
                return Remark(known.rest if known.is_event else text, known.at_ns)
            self._said = known
            return None
        return Remark(text, self._at_ns) if self._other_lines else None


def _text(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace")
