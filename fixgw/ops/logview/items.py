"""What a log is made of: messages, and remarks between them."""

from __future__ import annotations

from dataclasses import dataclass

from fixgw.client.message import Message


@dataclass(frozen=True, slots=True)
class Logged:
    """One message as a log has it."""

    message: Message
    at_ns: int | None
    """When it was logged; its SendingTime(52) where the log does not say. UTC."""
    outgoing: bool | None = None
    """Whether the owner of the log sent it; None where nobody knows."""
    fault: str = ""
    """What is wrong with its frame; empty for nothing."""

    @property
    def session(self) -> str:
        """``FIX.4.4:EXCHANGE->BUYER``, seen from the owner, or from the sender where
        the direction is unknown."""
        ours, theirs = self.message.get(49), self.message.get(56)
        if self.outgoing is False:
            ours, theirs = theirs, ours
        return f"{self.message.get(8)}:{ours}->{theirs}"


@dataclass(frozen=True, slots=True)
class Remark:
    """A line of a log that is no message: an event, an entry of our outbox."""

    text: str
    at_ns: int | None
    is_trouble: bool = False
    """The log itself is not as it should be."""


Item = Logged | Remark


class LogProblem(Exception):
    """A log cannot be read; the text says why and what to do."""
