"""Who talks to whom: the identity of a FIX session.

A session is named from our side: SenderCompID(49) of what we send is ours. The printed
form is the one every log line, file name and command uses; the number derived from it
is what fixed-layout records carry instead of text.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

KEY_BYTES = 8
"""Eight bytes fit a record field; among a million sessions two alike are unlikely
(3e-8), and the settings refuse two sessions with one key in any case."""


@dataclass(frozen=True, slots=True)
class SessionId:
    """The name of one session: ``FIX.4.4:EXCHANGE->BUYER``, plus ``:qualifier`` if any.

    A SubID and a LocationID stand behind their CompID: ``BUYER/SUB/LOC``. Parts at the
    end that are empty are left out; one in the middle stays: ``BUYER//LOC``.

    Two ids with the same text are the same session to every record that bears the key,
    even if their parts differ; the settings refuse a file with such a pair.
    """

    begin_string: str
    sender_comp_id: str
    target_comp_id: str
    qualifier: str = ""
    sender_sub_id: str = ""
    sender_location_id: str = ""
    target_sub_id: str = ""
    target_location_id: str = ""

    def __str__(self) -> str:
        ours = _party(self.sender_comp_id, self.sender_sub_id, self.sender_location_id)
        name = f"{self.begin_string}:{ours}->{self.target}"
        return f"{name}:{self.qualifier}" if self.qualifier else name

    @property
    def target(self) -> str:
        """The client's side alone: ``BUYER``, or ``BUYER/DESK1``."""
        return _party(self.target_comp_id, self.target_sub_id, self.target_location_id)

    @property
    def key(self) -> int:
        """An unsigned 64-bit number, the same on every machine and in every release.

        It is never 0: records use 0 for "no session".
        """
        return nonzero_key(blake2b(str(self).encode(), digest_size=KEY_BYTES).digest())


def _party(*parts: str) -> str:
    return "/".join(parts).rstrip("/") if any(parts[1:]) else parts[0]


def nonzero_key(digest: bytes) -> int:
    """The little-endian number in ``digest``; 1 for the one digest that would be 0."""
    return int.from_bytes(digest, "little") or 1
