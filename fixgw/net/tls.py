"""TLS of a listener: its certificate, whom it asks for one, and the stream itself.

The stream is sans-I/O, so that it can begin behind a PROXY header, whose end is not the
end of a read; and so that what waits to be read by a client is what waits in the
socket's buffer, with TLS as without.
"""

from __future__ import annotations

import contextlib
import logging
import os
import ssl
from pathlib import Path
from typing import Any

from fixgw.session.policies import TlsSettings

log = logging.getLogger(__name__)

HANDSHAKE_BYTES_MAX = 64 * 1024
"""Certificates of a client and those above it are a few KiB."""

READ_BYTES = 64 * 1024

VERSIONS = {
    "TLSv1.2": ssl.TLSVersion.TLSv1_2,
    "TLSv1.3": ssl.TLSVersion.TLSv1_3,
}

NAME_KINDS = frozenset({"DNS", "URI", "email"})
"""Kinds of SubjectAltName that may be bound to CompIDs. Addresses are not: where a
client connects from is a question of its own."""


class TlsUnusable(Exception):
    """TLS cannot be offered with these files; the text says which one and what to do
    about it."""


class TlsFailed(Exception):
    """The client and we do not agree; the text says on what."""


class Certificates:
    """The files of a listener, and what is made of them. Raises TlsUnusable."""

    def __init__(self, settings: TlsSettings) -> None:
        self._settings = settings
        self._stamps = self._look()
        self.context = make_context(settings)

    def refresh(self) -> bool:
        """Read the files again if one has changed; whether new connections get others.

        Files that cannot be used are named in the log, and what was read before stays.
        """
        stamps = self._look()
        if stamps == self._stamps:
            return False
        self._stamps = stamps
        try:
            self.context = make_context(self._settings)
        except TlsUnusable as error:
            log.error("the certificates stay as they were: %s", error)
            return False
        log.info("certificates were read again")
        return True

    def _look(self) -> list[tuple[int, int, int] | None]:
        stamps: list[tuple[int, int, int] | None] = []
        for path in _files(self._settings).values():
            try:
                found = os.stat(path)
            except OSError:
                stamps.append(None)
            else:
                stamps.append((found.st_mtime_ns, found.st_size, found.st_ino))
        return stamps


def _files(settings: TlsSettings) -> dict[str, str]:
    """Every file that is named, by its key in the sessions file."""
    named = {
        "ServerCertificateFile": settings.certificate_file,
        "ServerCertificateKeyFile": settings.key_file,
        "CertificationAuthoritiesFile": settings.ca_file,
        "CertificateRevocationListFile": settings.crl_file,
    }
    return {key: path for key, path in named.items() if path is not None}


def make_context(settings: TlsSettings) -> ssl.SSLContext:
    """What connections are made with. Raises TlsUnusable."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = VERSIONS[settings.minimum_version]
    # A client that begins the handshake anew, again and again, costs us more than it.
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    # Without tickets every connection shows its certificate, which may be revoked now.
    context.options |= ssl.OP_NO_TICKET
    context.num_tickets = 0
    if settings.ciphers is not None:
        try:
            context.set_ciphers(settings.ciphers)
        except ssl.SSLError:
            raise TlsUnusable(
                f"SSLCipherSuite {settings.ciphers}: OpenSSL knows none of them: "
                "'openssl ciphers -v' lists their names"
            ) from None
    _load_own(context, settings)
    _load_others(context, settings)
    return context


def _load_own(context: ssl.SSLContext, settings: TlsSettings) -> None:
    certificate = settings.certificate_file
    key = settings.key_file or certificate
    key_name = "ServerCertificateKeyFile" if settings.key_file else "it"
    _check("ServerCertificateFile", certificate, "BEGIN CERTIFICATE", "certificate")
    text = _check(
        "ServerCertificateKeyFile" if settings.key_file else "ServerCertificateFile",
        key,
        "PRIVATE KEY",
        "private key",
    )
    if "ENCRYPTED" in text:
        raise TlsUnusable(
            f"{key}: the key is encrypted, and nobody is there to type its password: "
            f"'openssl pkey -in {key} -out FILE' writes one without, for a file that "
            "only the gateway may read"
        )
    try:
        context.load_cert_chain(certificate, key)
    except (ssl.SSLError, OSError) as error:
        reason = getattr(error, "reason", None) or str(error)
        if reason == "KEY_VALUES_MISMATCH":
            raise TlsUnusable(
                f"ServerCertificateFile {certificate}: the key in {key} belongs to "
                "another certificate: its own certificate has to come first in the file"
            ) from None
        raise TlsUnusable(
            f"ServerCertificateFile {certificate}: OpenSSL cannot use it or {key_name} "
            f"({reason}): 'openssl x509 -in {certificate} -text' shows what it is"
        ) from None


def _load_others(context: ssl.SSLContext, settings: TlsSettings) -> None:
    if settings.ca_file is None:
        if settings.client_certificate:
            raise TlsUnusable(
                "clients are to show certificates, and no CertificationAuthoritiesFile "
                "says who vouches for them"
            )
        return
    name = "CertificationAuthoritiesFile"
    _check(name, settings.ca_file, "CERTIFICATE", "certificate")
    _load_trusted(context, name, settings.ca_file)
    if settings.crl_file is not None:
        name = "CertificateRevocationListFile"
        _check(name, settings.crl_file, "X509 CRL", "revocation list")
        _load_trusted(context, name, settings.crl_file)
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    context.verify_mode = (
        ssl.CERT_REQUIRED if settings.client_certificate else ssl.CERT_OPTIONAL
    )


def _load_trusted(context: ssl.SSLContext, name: str, path: str) -> None:
    try:
        context.load_verify_locations(path)
    except (ssl.SSLError, OSError) as error:
        reason = getattr(error, "reason", None) or str(error)
        raise TlsUnusable(f"{name} {path}: OpenSSL cannot read it ({reason})") from None


def _check(name: str, path: str, marker: str, what: str) -> str:
    """The text of a file that holds such a thing."""
    try:
        text = Path(path).read_text("latin-1")
    except OSError as error:
        raise TlsUnusable(
            f"{name} {path}: {error.strerror or error}: it must be there and readable "
            "for the user the gateway runs as"
        ) from None
    if f"{marker}-----" not in text:
        raise TlsUnusable(
            f"{name} {path}: there is no {what} in it: PEM is what is expected, "
            f"text with a line '-----BEGIN ...{marker.removeprefix('BEGIN ')}-----'"
        )
    return text


class TlsStream:
    """The server's side of one connection: ciphertext in, plain bytes out, and back.

    After every call, and after an exception, :meth:`take_output` has what is to be sent
    to the client.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        self._in = ssl.MemoryBIO()
        self._out = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_side=True)
        self._handshake_bytes = 0
        self.is_established = False
        self.has_ended = False
        """The client will send nothing more."""

    def receive(self, data: bytes) -> bytes:
        """What the client says with ``data``; nothing as long as the handshake lasts.

        Raises TlsFailed.
        """
        self._in.write(data)
        try:
            if not self.is_established:
                self._handshake_bytes += len(data)
                self._tls.do_handshake()
                self.is_established = True
            return self._read()
        except ssl.SSLWantReadError:
            if self._handshake_bytes > HANDSHAKE_BYTES_MAX and not self.is_established:
                raise TlsFailed("the handshake does not end") from None
            return b""
        except ssl.SSLError as error:
            raise TlsFailed(_reason(error)) from None

    def _read(self) -> bytes:
        pieces = []
        try:
            while piece := self._tls.read(READ_BYTES):
                pieces.append(piece)
            self.has_ended = True
        except ssl.SSLWantReadError:
            pass
        return b"".join(pieces)

    def send(self, data: bytes) -> None:
        """Encrypt; only once the stream is established."""
        view = memoryview(data)
        while view:
            view = view[self._tls.write(view) :]

    def close(self) -> None:
        """Say that we send nothing more."""
        if self.is_established:
            # The client has not said so itself, and need not.
            with contextlib.suppress(ssl.SSLError):
                self._tls.unwrap()

    def take_output(self) -> bytes:
        """What is to be sent to the client."""
        return self._out.read()

    @property
    def names(self) -> frozenset[str]:
        """What the client's certificate calls it: every common name, and alternative
        names of NAME_KINDS. Nothing without a certificate that was checked."""
        return names_of(self._tls)

    @property
    def description(self) -> str:
        """Version and cipher, for the log."""
        cipher = self._tls.cipher()
        return f"{self._tls.version()} {cipher[0] if cipher else ''}".strip()


def names_of(tls: ssl.SSLObject) -> frozenset[str]:
    """See TlsStream.names."""
    found: Any = tls.getpeercert() or {}
    subject = (pair for part in found.get("subject", ()) for pair in part)
    names = [value for kind, value in subject if kind == "commonName"]
    others = found.get("subjectAltName", ())
    names += [value for kind, value in others if kind in NAME_KINDS]
    return frozenset(names)


def _reason(error: ssl.SSLError) -> str:
    """In words, without the place in OpenSSL's sources."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is refused: {error.verify_message}"
    reason = error.reason or (error.args[-1] if error.args else "")
    return str(reason).replace("_", " ").lower() or "the handshake failed"
