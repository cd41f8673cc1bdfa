"""Passwords as they are kept: ``scrypt$n$r$p$salt$hash``, salt and hash in base64.

scrypt (RFC 7914) is slow and needs memory on purpose. How much is bounded, so that a
file of credentials cannot make a Logon last for minutes.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass

N, R, P = 2**14, 8, 1
"""What new hashes are made with: some 50 ms and 16 MiB."""

N_MAX, P_MAX = 2**16, 4
SALT_BYTES = 16
HASH_BYTES = 32
MEMORY_BYTES_MAX = 128 * R * (N_MAX + P_MAX + 2)


@dataclass(frozen=True, slots=True, repr=False)
class PasswordHash:
    """A password that can be recognized and not be read."""

    n: int
    p: int
    salt: bytes
    digest: bytes

    @classmethod
    def make(cls, password: bytes, salt: bytes) -> PasswordHash:
        """The hash to keep; ``salt`` must be random bytes, SALT_BYTES of them."""
        return cls(N, P, salt, _scrypt(password, salt, N, P))

    @classmethod
    def parse(cls, text: str) -> PasswordHash:
        """Reads what str() writes. Raises ValueError with the reason."""
        parts = text.split("$")
        if len(parts) != 6 or parts[0] != "scrypt":
            raise ValueError("is not scrypt$n$r$p$salt$hash")
        if not all(part.isdecimal() and len(part) < 9 for part in parts[1:4]):
            raise ValueError("has parameters that are no numbers")
        n, r, p = (int(part) for part in parts[1:4])
        if n not in (N, 2 * N, N_MAX) or r != R or not 1 <= p <= P_MAX:
            raise ValueError(
                f"has parameters other than n={N} to {N_MAX}, r={R}, p=1 to {P_MAX}"
            )
        try:
            salt, digest = (base64.b64decode(part, validate=True) for part in parts[4:])
        except (binascii.Error, ValueError):
            raise ValueError("has a salt or hash that is not base64") from None
        if len(salt) < SALT_BYTES or len(digest) != HASH_BYTES:
            raise ValueError("has a salt or hash that is too short")
        return cls(n, p, salt, digest)

    def __str__(self) -> str:
        salt, digest = (
            base64.b64encode(each).decode() for each in (self.salt, self.digest)
        )
        return f"scrypt${self.n}${R}${self.p}${salt}${digest}"

    def matches(self, password: bytes) -> bool:
        """Whether it is the hash of that password; takes as long if it is not."""
        found = _scrypt(password, self.salt, self.n, self.p)
        return hmac.compare_digest(found, self.digest)


def _scrypt(password: bytes, salt: bytes, n: int, p: int) -> bytes:
    return hashlib.scrypt(
        password, salt=salt, n=n, r=R, p=p, maxmem=MEMORY_BYTES_MAX, dklen=HASH_BYTES
    )


NOBODYS = PasswordHash(N, P, bytes(SALT_BYTES), bytes(HASH_BYTES))
"""No password matches it: to spend the same time on a client that is not known."""
