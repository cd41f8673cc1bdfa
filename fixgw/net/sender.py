"""Whom a Logon says it is from, and to."""

from __future__ import annotations

from typing import NamedTuple

from fixgw.session.identity import SessionId
from fixgw.wire import Message


class Sender(NamedTuple):
    """The identity fields of a client's message, as they came."""

    begin_string: bytes
    """BeginString(8)."""
    comp_id: bytes
    """SenderCompID(49): the client."""
    our_comp_id: bytes
    """TargetCompID(56)."""
    sub_id: bytes = b""
    """SenderSubID(50)."""
    location_id: bytes = b""
    """SenderLocationID(142)."""
    our_sub_id: bytes = b""
    """TargetSubID(57)."""
    our_location_id: bytes = b""
    """TargetLocationID(143)."""

    @classmethod
    def of(cls, message: Message) -> Sender:
        """The sender of this message."""
        return cls(*(message.get(tag) or b"" for tag in (8, 49, 56, 50, 142, 57, 143)))

    def fit(self, session: SessionId) -> int:
        """How many SubIDs and LocationIDs of ``session`` are the sender's; -1 if it has
        one that is not. Those it does not have may be anything."""
        parts = (
            (session.target_sub_id, self.sub_id),
            (session.target_location_id, self.location_id),
            (session.sender_sub_id, self.our_sub_id),
            (session.sender_location_id, self.our_location_id),
        )
        wanted = [(part.encode(), given) for part, given in parts if part]
        return len(wanted) if all(part == given for part, given in wanted) else -1
