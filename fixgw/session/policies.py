"""Choices a session's settings offer where yes or no is not enough."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class ResetPolicy(Enum):
    """Whether a client may reset the numbers by ResetSeqNumFlag(141)=Y."""

    ALLOW = "ALLOW"
    """At a Logon and, from FIX.4.1 on, inside a session."""
    AT_LOGON = "AT_LOGON"
    """Not inside a session: nobody loses what is under way."""
    REFUSE = "REFUSE"
    """Never: such a Logon is refused."""


class ResendOverflow(Enum):
    """What a client gets that asks for more again than it may."""

    GAP_FILL = "GAP_FILL"
    """A GapFill over what is not sent again."""
    LOGOUT = "LOGOUT"
    """A Logout that says so."""


class Authentication(Enum):
    """How a client proves at its Logon that it is who it says."""

    NONE = "NONE"
    """By CompIDs alone."""
    PASSWORD = "PASSWORD"
    """Username(553) and Password(554)."""
    SIGNATURE = "SIGNATURE"
    """RawDataLength(95) and RawData(96): a signature over the Logon's own fields."""
    CERTIFICATE = "CERTIFICATE"
    """The TLS client certificate, bound to the CompIDs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsSettings:
    """How the listener speaks TLS. Files are PEM.

    ``key_file`` None: the key is in ``certificate_file``. Ciphers None: those that
    OpenSSL takes for safe, else those of TLS 1.2 in OpenSSL's notation.
    ``client_certificate``: a client without one that ``ca_file`` vouches for gets no
    connection; if it is False and there is a ``ca_file``, a client may still show one,
    which is checked.
    """

    certificate_file: str
    key_file: str | None = None
    ca_file: str | None = None
    crl_file: str | None = None
    minimum_version: str = "TLSv1.2"
    ciphers: str | None = None
    client_certificate: bool = False
