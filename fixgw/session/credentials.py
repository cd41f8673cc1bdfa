"""How clients prove at their Logon who they are: passwords, signatures, certificates.

spec/logon_authentication.md is for those who write a client. What is checked here
changes nothing; what must be remembered between Logons is :class:`Freshness`'s.

Secrets are compared in constant time, and a client that is not known costs as much time
as one that is: the answer, and how long it takes, tell nobody which names exist.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from fixgw.session.checks import Objection
from fixgw.session.passwords import NOBODYS, PasswordHash
from fixgw.session.policies import Authentication
from fixgw.session.reasons import DisconnectReason
from fixgw.session.settings import SessionSettings
from fixgw.wire import Message, parse_utc_timestamp

NS_PER_S = 1_000_000_000

SIGNED_TAGS = (52, 35, 34, 49, 56, 553, 8, 50, 142, 57, 143, 141, 789)
"""The fields a signature covers, in this order: the moment, the names, and whatever
makes a Logon change numbers or ask for messages."""

SECRETS_MAX = 4
"""A client may have an old and a new secret for a while; not any number of them."""

HMAC_BYTES = 32
HMAC_KEY_BYTES_MIN = 16
BEFORE_PASSWORD_FIELD = ("FIX.4.0", "FIX.4.1", "FIX.4.2")
"""Versions without Password(554): there RawData(96) has it."""


class CredentialsError(ValueError):
    """All that is wrong with a file of credentials."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True, repr=False)
class Entry:
    """What one client, or one session, can prove itself by."""

    username: bytes | None = None
    passwords: tuple[PasswordHash, ...] = ()
    hmac_keys: tuple[bytes, ...] = ()
    ed25519_keys: tuple[Ed25519PublicKey, ...] = ()
    certificates: frozenset[str] = frozenset()


NOBODY = Entry()
NOBODYS_KEY = Ed25519PublicKey.from_public_bytes(b"\x58" + b"\x66" * 31)
"""What is tried in the place of an unknown client's key; its answer does not count."""


def signed_text(message: Message) -> bytes:
    """What a client signs: the values of SIGNED_TAGS with SOH between them."""
    return b"\x01".join(message.get(tag) or b"" for tag in SIGNED_TAGS)


class Credentials:
    """The credentials of all clients. Immutable; its secrets are never printed."""

    __slots__ = ("_entries",)

    def __init__(self, entries: dict[str, Entry]) -> None:
        self._entries = entries

    @classmethod
    def parse(cls, text: str, name: str) -> Credentials:
        """The credentials in TOML ``text``; ``name`` is the file for messages.

        A table for each client, named by its TargetCompID or by a whole session as
        ``"FIX.4.4:EXCHANGE->BUYER"``, which goes first. Raises CredentialsError.
        """
        try:
            tables = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise CredentialsError((f"{name}: {error}",)) from None
        problems: list[str] = []
        entries = {}
        for who, table in tables.items():
            if not isinstance(table, dict):
                problems.append(f"{name}: {who}: stands before any [client]")
                continue
            values, wrong = _values(table)
            problems += [f"{name}: [{who}] {reason}" for reason in wrong]
            entries[who] = Entry(**values)
        if problems:
            raise CredentialsError(tuple(problems))
        return cls(entries)

    def check(
        self, settings: SessionSettings, message: Message, peer_names: frozenset[str]
    ) -> Objection | None:
        """Whether a Logon is from whom it says: None, or why it is refused.

        ``peer_names`` are the names in the client's verified certificate. May take a
        tenth of a second of work. A good signature may still be an old one: ask
        :class:`Freshness` next.
        """
        entry = self._entry(settings)
        objection = _check_certificate(entry, settings, peer_names)
        match settings.authentication:
            case Authentication.PASSWORD:
                return _check_password(entry, settings, message) or objection
            case Authentication.SIGNATURE:
                return _check_signature(entry, message) or objection
        return objection

    def problems(self, sessions: Iterable[SessionSettings]) -> Iterator[str]:
        """Which sessions can never log on, for want of an entry here."""
        for settings in sessions:
            entry = self._entry(settings)
            missing = {
                Authentication.PASSWORD: not entry.passwords and "password",
                Authentication.SIGNATURE: not (entry.hmac_keys or entry.ed25519_keys)
                and "hmac_sha256 or ed25519",
            }.get(settings.authentication)
            if missing and settings.session_id.target_comp_id != "*":
                yield (
                    f"{settings.session_id} has no {missing}, which"
                    f" LogonAuthentication={settings.authentication.value} needs"
                )

    def unused(self, sessions: Iterable[SessionSettings]) -> list[str]:
        """The entries that are of none of these sessions."""
        known: set[str] = set()
        for settings in sessions:
            known |= {str(settings.session_id), settings.session_id.target_comp_id}
        return [who for who in self._entries if "*" not in known and who not in known]

    def summary(self) -> Iterator[tuple[str, str]]:
        """Who has what, without showing it."""
        for who, entry in self._entries.items():
            has = {
                "username": entry.username is not None,
                "password": entry.passwords,
                "hmac_sha256": entry.hmac_keys,
                "ed25519": entry.ed25519_keys,
                "certificates": entry.certificates,
            }
            yield who, ", ".join(name for name, some in has.items() if some)

    def _entry(self, settings: SessionSettings) -> Entry:
        session = settings.session_id
        of_client = self._entries.get(session.target_comp_id, NOBODY)
        return self._entries.get(str(session), of_client)


def _failed(text: str) -> Objection:
    return Objection(DisconnectReason.AUTHENTICATION_FAILED, text)


def _check_certificate(
    entry: Entry, settings: SessionSettings, peer_names: frozenset[str]
) -> Objection | None:
    names = entry.certificates.union(settings.client_certificate_names)
    if settings.authentication is Authentication.CERTIFICATE and not names:
        names = frozenset({settings.session_id.target_comp_id})
    if not names or names & peer_names:
        return None
    return Objection(
        DisconnectReason.CERTIFICATE_NOT_BOUND,
        "the client certificate is not that of this session",
    )


def _check_password(
    entry: Entry, settings: SessionSettings, message: Message
) -> Objection | None:
    password = message.get(554)
    if password is None and settings.session_id.begin_string in BEFORE_PASSWORD_FIELD:
        password = message.get(96)
    # A list, not a generator: every hash is tried, whichever it is.
    tried = [each.matches(password or b"") for each in entry.passwords or (NOBODYS,)]
    named = entry.username is None or hmac.compare_digest(
        message.get(553) or b"", entry.username
    )
    if any(tried) and named and password:
        return None
    return _failed("Username(553) or Password(554) is wrong")


def _check_signature(entry: Entry, message: Message) -> Objection | None:
    try:
        signature = base64.b64decode(message.get(96) or b"", validate=True)
    except (binascii.Error, ValueError):
        signature = b""
    text = signed_text(message)
    named = entry.username is None or hmac.compare_digest(
        message.get(553) or b"", entry.username
    )
    # Everything is tried, whatever the client has and whichever is right.
    by_hmac = [
        hmac.compare_digest(hmac.digest(key, text, "sha256"), signature)
        for key in entry.hmac_keys or (bytes(HMAC_BYTES),)
    ]
    by_key = [
        _verifies(key, signature, text) for key in entry.ed25519_keys or (NOBODYS_KEY,)
    ]
    good = (any(by_hmac) and bool(entry.hmac_keys)) or (
        any(by_key) and bool(entry.ed25519_keys)
    )
    return None if good and named else _failed("the signature in RawData(96) is wrong")


def _verifies(key: Ed25519PublicKey, signature: bytes, text: bytes) -> bool:
    try:
        key.verify(signature, text)
    except InvalidSignature:
        return False
    return True


class Freshness:
    """Remembers the SendingTime(52) of each session's last signed Logon.

    Whoever records a signed Logon must not log on with it. So each must be newer than
    the one before, the first newer than the gateway's start, and none further from our
    clock than MaxLatency, whether CheckLatency is on or not.
    """

    def __init__(self, started_ns: int) -> None:
        self._started_ns = started_ns
        self._last_ns: dict[int, int] = {}

    def check(
        self, settings: SessionSettings, message: Message, now_ns: int
    ) -> Objection | None:
        """To be asked once for each Logon that Credentials.check lets pass.

        None: it is new, and remembered. Without LogonAuthentication=SIGNATURE every
        Logon is.
        """
        if settings.authentication is not Authentication.SIGNATURE:
            return None
        key = settings.session_id.key
        try:
            sent_ns = parse_utc_timestamp(message.get(52) or b"")
        except ValueError:
            return _failed("SendingTime(52) is no time")
        if abs(sent_ns - now_ns) > settings.max_latency_s * NS_PER_S:
            return _failed("SendingTime(52) of a signed Logon is too far off")
        if sent_ns <= self._last_ns.get(key, self._started_ns):
            return _failed("SendingTime(52) is not newer than that of the last Logon")
        self._last_ns[key] = sent_ns
        return None


def _values(table: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The parts of an entry, and what is wrong with its table."""
    values: dict[str, Any] = {}
    problems = []
    for key, value in table.items():
        texts = [value] if isinstance(value, str) else value
        if key not in READERS:
            near = get_close_matches(key, READERS, n=1)
            advice = f"; did you mean {near[0]}?" if near else ""
            problems.append(f"{key}: is not known{advice}")
        elif not isinstance(texts, list) or not all(
            isinstance(text, str) and text for text in texts
        ):
            problems.append(f"{key}: is neither a text nor a list of texts")
        elif not 1 <= len(texts) <= SECRETS_MAX and key != "certificates":
            problems.append(f"{key}: has more than {SECRETS_MAX} values, or none")
        else:
            name, read = READERS[key]
            try:
                values[name] = read(texts)
            except ValueError as error:
                problems.append(f"{key}: {error}")
    return values, problems


def _username(texts: list[str]) -> bytes:
    if len(texts) > 1:
        raise ValueError("must be one")
    return texts[0].encode()


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("is not base64") from None


def _hmac_key(text: str) -> bytes:
    key = _base64(text)
    if len(key) < HMAC_KEY_BYTES_MIN:
        raise ValueError(f"is shorter than {HMAC_KEY_BYTES_MIN} bytes")
    return key


def _ed25519_key(text: str) -> Ed25519PublicKey:
    try:
        return Ed25519PublicKey.from_public_bytes(_base64(text))
    except ValueError:
        raise ValueError("is not the base64 of 32 bytes, a public key") from None


READERS: dict[str, tuple[str, Any]] = {
    "username": ("username", _username),
    "password": ("passwords", lambda texts: tuple(map(PasswordHash.parse, texts))),
    "hmac_sha256": ("hmac_keys", lambda texts: tuple(map(_hmac_key, texts))),
    "ed25519": ("ed25519_keys", lambda texts: tuple(map(_ed25519_key, texts))),
    "certificates": ("certificates", frozenset),
}
"""The keys of a table: the part of an entry each sets, and how it is read."""
