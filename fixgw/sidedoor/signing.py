"""Signed requests: the text that is signed, and what is checked of it.

``spec/signing.md`` is the same for the authors of clients. Everything here judges bytes
as they were on the wire: a decoded path or a re-written query would be another text
than the one the client signed, and two requests could share one signature.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from fixgw.sidedoor.errors import ApiError

KEY_HEADER = "FIXGW-KEY"
TIMESTAMP_HEADER = "FIXGW-TIMESTAMP"
SIGNATURE_HEADER = "FIXGW-SIGNATURE"

Headers = Mapping[str, str] | Iterable[tuple[bytes, bytes]]
"""As a mapping, or as they were on the wire, which shows the ones sent twice."""

_KEY = re.compile(rb"[A-Za-z0-9_-]{1,64}")
_TIMESTAMP = re.compile(rb"[1-9][0-9]{0,15}")
_SIGNATURE = re.compile(rb"[0-9A-Fa-f]{64}")
_METHOD = re.compile(rb"[A-Z]{1,16}")
_NAMES = tuple(
    name.lower().encode() for name in (KEY_HEADER, TIMESTAMP_HEADER, SIGNATURE_HEADER)
)


def canonical(
    timestamp: bytes, method: bytes, path: bytes, query: bytes, body: bytes
) -> bytes:
    """The text that is signed. Only the body may hold a line feed, and it comes last,
    so no two requests have one text. Raises ValueError for parts that cannot be
    sent."""
    parts = (timestamp, method, path, query)
    if any(b"\n" in part for part in parts):
        raise ValueError("a line feed where HTTP has none")
    return b"\n".join((*parts, body))


def sign(secret: str, text: bytes) -> bytes:
    """HMAC-SHA256 of a canonical text under the secret as it is written, in UTF-8."""
    return hmac.digest(secret.encode(), text, hashlib.sha256)


def signed_headers(
    key_id: str,
    secret: str,
    timestamp_ms: int,
    method: str,
    path: str,
    query: str = "",
    body: bytes = b"",
) -> dict[str, str]:
    """The three headers of a request, for clients. Path and query as they are sent, so
    in ASCII with %-escapes; raises ValueError otherwise."""
    timestamp = str(timestamp_ms)
    text = canonical(
        timestamp.encode(),
        method.encode("ascii"),
        path.encode("ascii"),
        query.encode("ascii"),
        body,
    )
    return {
        KEY_HEADER: key_id,
        TIMESTAMP_HEADER: timestamp,
        SIGNATURE_HEADER: sign(secret, text).hex(),
    }


@dataclass(frozen=True, slots=True)
class Signed:
    """A request whose three headers are well formed; nothing is checked yet."""

    key_id: str
    timestamp_ms: int
    signature: bytes
    text: bytes

    def by(self, secret: str) -> bool:
        """Whether this secret made the signature. Takes the same time either way."""
        return hmac.compare_digest(sign(secret, self.text), self.signature)


def read_request(
    headers: Headers,
    method: str | bytes,
    path: str | bytes,
    query: str | bytes,
    body: bytes,
) -> Signed:
    """The parts of a signed request. Raises ApiError 401 when one of the headers is
    missing, there twice or malformed."""
    key, timestamp, signature = _three(headers)
    if key is None:
        raise refusal(
            "KEY_MISSING", f"this needs a signed request; {KEY_HEADER} is not there"
        )
    if not _KEY.fullmatch(key):
        raise refusal("KEY_UNKNOWN", f"{KEY_HEADER} is no key, or is there twice")
    if timestamp is None or not _TIMESTAMP.fullmatch(timestamp):
        raise refusal(
            "TIMESTAMP_INVALID",
            f"{TIMESTAMP_HEADER} must be there once: milliseconds since 1970, digits",
        )
    if signature is None or not _SIGNATURE.fullmatch(signature):
        raise refusal(
            "SIGNATURE_INVALID", f"{SIGNATURE_HEADER} must be there once: 64 hex digits"
        )
    try:
        verb = _bytes(method)
        if not _METHOD.fullmatch(verb):
            raise ValueError("no method")
        text = canonical(timestamp, verb, _bytes(path), _bytes(query), body)
    except ValueError:
        raise refusal("SIGNATURE_INVALID", "this request cannot be signed") from None
    return Signed(
        key.decode("ascii"),
        int(timestamp),
        bytes.fromhex(signature.decode("ascii")),
        text,
    )


def check_window(timestamp_ms: int, window_ms: int, now_ns: int) -> None:
    """Raises ApiError 401 for a timestamp too far from now, before or after."""
    behind_ms = now_ns // 1_000_000 - timestamp_ms
    if abs(behind_ms) > window_ms:
        where = f"{behind_ms} ms before" if behind_ms > 0 else f"{-behind_ms} ms after"
        raise refusal(
            "TIMESTAMP_OUTSIDE_WINDOW",
            f"{TIMESTAMP_HEADER} is {where} the exchange's clock, {window_ms} ms are "
            "allowed; GET /v1/time tells the exchange's time",
        )


def refusal(code: str, message: str) -> ApiError:
    """401, with what a client needs to know to do better."""
    return ApiError(401, code, message, {"WWW-Authenticate": "FIXGW-HMAC-SHA256"})


def _three(headers: Headers) -> list[bytes | None]:
    """The values of the three headers; one that is there twice is empty, which no value
    may be."""
    found: list[bytes | None] = [None, None, None]
    for name, value in _pairs(headers):
        if name in _NAMES:
            place = _NAMES.index(name)
            found[place] = b"" if found[place] is not None else value
    return found


def _pairs(headers: Headers) -> Iterable[tuple[bytes, bytes]]:
    raw = getattr(headers, "raw", None)
    if raw is not None:
        headers = raw
    if isinstance(headers, Mapping):
        for name, text in headers.items():
            # Lower case of the bytes: that of the text has two letters for one.
            yield (
                name.encode("utf-8", "replace").lower(),
                text.encode("utf-8", "replace"),
            )
        return
    for key, value in headers:
        yield key.lower(), value


def _bytes(value: str | bytes) -> bytes:
    """Text as it was on the wire; raises ValueError for what cannot have been there."""
    return value if isinstance(value, bytes) else value.encode("latin-1")
