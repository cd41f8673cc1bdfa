"""The waiting half of a dialogue: messages that are expected, or silence."""

from __future__ import annotations

import time
from collections.abc import Sequence

from fixgw.certify import steps as s
from fixgw.certify.compare import Difference, Expected, Mode, compare, expected_of
from fixgw.certify.dialogue import Dialogue
from fixgw.certify.macros import Scope
from fixgw.certify.matchers import Captures
from fixgw.certify.peer import Arrival, End, Peer
from fixgw.certify.situation import CLOSE_S, WAIT_S, Situation
from fixgw.certify.transcript import Kind, Transcript
from fixgw.certify.wire import fields_of, visible

TEXT_CHARS_MAX = 200
"""Of bytes quoted in a reason."""


class Mismatch(Exception):
    """The peer did not do what the script says; in one line what it did."""


class Ear:
    """Listens on behalf of one dialogue, and writes down what it hears."""

    def __init__(
        self,
        dialogue: Dialogue,
        situation: Situation,
        scope: Scope,
        transcript: Transcript,
        began: float,
    ) -> None:
        self.mode: Mode = dialogue.header.mode or situation.mode
        self.wait_s = situation.wait_s or WAIT_S[self.mode]
        self.limits: s.Within | None = None
        self.skipped: dict[int, frozenset[str]] = {}
        self._groups = dialogue.header.groups
        self._scope, self._transcript, self._began = scope, transcript, began

    def take_limits(self, most_s: float) -> tuple[float, float]:
        """Least and greatest time of the next wait; a Within counts for one wait."""
        limits, self.limits = self.limits, None
        return (limits.least_s, limits.most_s) if limits else (0.0, most_s)

    # -- the steps ---------------------------------------------------------------------

    async def expect(self, peer: Peer, step: s.Expect) -> None:
        """The next message is this one. Raises Mismatch."""
        expected = self._expected(step)
        least_s, most_s = self.take_limits(self.wait_s)
        start = time.monotonic()
        heard = await self._next(peer, step, start + most_s)
        if isinstance(heard, End):
            raise self._missing(peer, step, heard, most_s, expected.text)
        captures: Captures = {}
        found = compare(expected, heard.frame, self.mode, self._groups, captures)
        if waited := _too_early(heard, start, least_s):
            found = [*found, waited]
        if found:
            self._heard(heard, step, expected.text, found)
            raise Mismatch(sentence(found))
        self._keep(captures)
        self._heard(heard, step, expected.text)

    async def one_of(self, peer: Peer, step: s.OneOf) -> s.Alternative:
        """Which of the alternatives the next message is. Raises Mismatch."""
        expecteds = [self._expected(a.expect) for a in step.alternatives]
        least_s, most_s = self.take_limits(self.wait_s)
        start = time.monotonic()
        heard = await self._next(peer, step, start + most_s)
        texts = "\n".join(expected.text for expected in expecteds)
        if isinstance(heard, End):
            raise self._missing(peer, step, heard, most_s, texts)
        if waited := _too_early(heard, start, least_s):
            self._heard(heard, step, texts, [waited])
            raise Mismatch(sentence([waited]))
        for alternative, expected in zip(step.alternatives, expecteds, strict=True):
            if self._is(expected, heard):
                self._heard(heard, alternative.expect, expected.text)
                return alternative
        nearest = [compare(e, heard.frame, self.mode, self._groups) for e in expecteds]
        found = min(nearest, key=len)
        self._heard(heard, step, texts, found)
        raise Mismatch(f"none of {len(expecteds)} messages: {sentence(found)}")

    async def all_of(self, peer: Peer, step: s.AllOf) -> None:
        """All of the messages come, in any order. Raises Mismatch."""
        left = [(expect, self._expected(expect)) for expect in step.expects]
        _, most_s = self.take_limits(self.wait_s)
        deadline = time.monotonic() + most_s
        while left:
            heard = await self._next(peer, step, deadline)
            texts = "\n".join(expected.text for _, expected in left)
            if isinstance(heard, End):
                raise self._missing(peer, step, heard, most_s, texts)
            for pair in left:
                if self._is(pair[1], heard):
                    self._heard(heard, pair[0], pair[1].text)
                    left.remove(pair)
                    break
            else:
                nearest = [
                    compare(expected, heard.frame, self.mode, self._groups)
                    for _, expected in left
                ]
                found = min(nearest, key=len)
                self._heard(heard, step, texts, found)
                raise Mismatch(f"none of {len(left)} messages: {sentence(found)}")

    async def maybe(self, peer: Peer, step: s.Maybe) -> None:
        """This message, or another one that is left for the next step, or none."""
        expected = self._expected(step.expect)
        _, most_s = self.take_limits(self.wait_s)
        heard = await self._next(peer, step, time.monotonic() + most_s)
        if isinstance(heard, End):
            return
        if self._is(expected, heard):
            self._heard(heard, step, expected.text)
        else:
            peer.give_back(heard)

    async def expect_close(self, peer: Peer, step: s.ExpectClose) -> None:
        """The peer closes, and sends nothing more. Raises Mismatch."""
        least_s, most_s = self.take_limits(CLOSE_S)
        start = time.monotonic()
        heard = await self._next(peer, step, start + most_s)
        if isinstance(heard, Arrival):
            self._heard(heard, step, "", [_unwanted("the end of the connection")])
            raise Mismatch(f"a message instead of the end: {shown(heard.frame)}")
        if heard is not End.CLOSED or peer.rest:
            raise self._missing(peer, step, heard, most_s, "the end of the connection")
        waited_s = time.monotonic() - start
        if waited_s < least_s:
            raise Mismatch(f"closed after {waited_s:.2f} s, not before {least_s:g} s")
        self._note(Kind.CLOSED, step, "the peer has closed the connection")

    async def nothing(self, peer: Peer, step: s.Nothing) -> None:
        """The peer is silent. Raises Mismatch."""
        heard = await self._next(peer, step, time.monotonic() + step.seconds)
        if isinstance(heard, Arrival):
            self._heard(heard, step, "", [_unwanted("nothing")])
            raise Mismatch(f"nothing was expected: {shown(heard.frame)}")
        if heard is not End.TIMED_OUT or peer.rest:
            raise self._missing(peer, step, heard, step.seconds, "nothing at all")
        self._note(Kind.NOTE, step, f"nothing came for {step.seconds:g} s")

    async def ignore(self, peer: Peer, step: s.Ignore) -> None:
        """Whatever comes is written down and not looked at."""
        deadline = time.monotonic() + step.seconds
        while not isinstance(heard := await peer.next(deadline), End):
            self._heard(heard, step, "")

    # -- helpers -----------------------------------------------------------------------

    def _expected(self, step: s.Expect) -> Expected:
        return expected_of(self._scope.expand(step.text), step.is_own)

    def _is(self, expected: Expected, heard: Arrival) -> bool:
        """Whether a message is the expected one; then its values get their names."""
        captures: Captures = {}
        if compare(expected, heard.frame, self.mode, self._groups, captures):
            return False
        self._keep(captures)
        return True

    def _keep(self, captures: Captures) -> None:
        for name, value in captures.items():
            self._scope.set(name, value)

    async def _next(self, peer: Peer, step: s.Step, deadline: float) -> Arrival | End:
        """The next message that is not of a type to skip."""
        skipped = self.skipped.get(step.connection, frozenset())
        while True:
            heard = await peer.next(deadline)
            if isinstance(heard, End) or not skipped:
                return heard
            if dict(fields_of(heard.frame.decode("latin-1"))).get("35") not in skipped:
                return heard
            self._heard(heard, s.Step(0, step.connection), "")

    def _heard(
        self,
        heard: Arrival,
        step: s.Step,
        expected: str,
        differences: Sequence[Difference] = (),
    ) -> None:
        self._transcript.add(
            Kind.RECEIVED,
            heard.at - self._began,
            step.connection,
            step.line,
            heard.frame.decode("latin-1"),
            expected=expected,
            differences=tuple(differences),
            is_wrong=bool(differences),
        )

    def _note(self, kind: Kind, step: s.Step, text: str) -> None:
        now_s = time.monotonic() - self._began
        self._transcript.add(kind, now_s, step.connection, step.line, text)

    def _missing(
        self, peer: Peer, step: s.Step, end: End, most_s: float, expected: str
    ) -> Mismatch:
        """What to raise when something else than a message came, or nothing."""
        if end is End.UNREADABLE:
            text = f"what came is no message: {peer.fault}: {shown(bytes(peer.rest))}"
        elif peer.rest:
            text = f"part of a message, and no more of it: {shown(bytes(peer.rest))}"
        elif end is End.CLOSED:
            text = "the peer has closed the connection"
        else:
            text = f"nothing came within {most_s:g} s"
        self._transcript.add(
            Kind.MISSING,
            time.monotonic() - self._began,
            step.connection,
            step.line,
            text,
            expected=expected,
            is_wrong=True,
        )
        return Mismatch(text)


def _too_early(heard: Arrival, start: float, least_s: float) -> Difference | None:
    waited_s = heard.at - start
    if not least_s or waited_s >= least_s:
        return None
    return Difference(
        "", None, None, f"it came after {waited_s:.2f} s, not before {least_s:g} s"
    )


def _unwanted(expected: str) -> Difference:
    return Difference("", None, None, f"expected is {expected}")


def sentence(found: Sequence[Difference]) -> str:
    """The first difference in a line, and how many more there are."""
    first = found[0]
    parts = [f"tag {first.tag}: {first.note}" if first.tag else first.note]
    if first.expected is not None:
        parts.append(f"expected {first.expected}")
    if first.received is not None:
        parts.append(f"received {first.received}")
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return ", ".join(parts) + more


def shown(data: bytes) -> str:
    """Bytes for people: ``|`` for SOH, cut when long."""
    text = visible(data.decode("latin-1"))
    return text if len(text) <= TEXT_CHARS_MAX else text[:TEXT_CHARS_MAX] + "…"
