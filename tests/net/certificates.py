"""A certificate authority of the tests' own, and what it signs."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from fixgw.session.policies import TlsSettings

YEAR = timedelta(days=365)


@cache
def _key(name: str) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


class Authority:
    """Writes PEM files into ``folder``: ``ca.pem`` at once, others when asked."""

    def __init__(self, folder: Path, name: str = "Test CA") -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.name = name
        self._numbers: dict[str, int] = {}
        certificate = (
            self._builder(name, _key(name))
            .add_extension(x509.BasicConstraints(True, None), critical=True)
            .sign(_key(name), hashes.SHA256())
        )
        self.ca = self._write("ca.pem", certificate)

    def _builder(
        self, name: str, key: ec.EllipticCurvePrivateKey, days: int = 365
    ) -> x509.CertificateBuilder:
        number = x509.random_serial_number()
        self._numbers[name] = number
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(_name(self.name))
            .public_key(key.public_key())
            .serial_number(number)
            .not_valid_before(now - YEAR)
            .not_valid_after(now + timedelta(days=days))
        )

    def issue(self, name: str, *others: x509.GeneralName, days: int = 365) -> Path:
        """A certificate with its key in one file, for this common name and others."""
        key = _key(name)
        builder = self._builder(name, key, days)
        if others:
            builder = builder.add_extension(x509.SubjectAlternativeName(others), False)
        certificate = builder.sign(_key(self.name), hashes.SHA256())
        path = self._write(f"{name}.pem", certificate)
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        path.write_bytes(path.read_bytes() + private)
        return path

    def server(self) -> Path:
        """The exchange's certificate, for localhost."""
        local = x509.IPAddress(ip_address("127.0.0.1"))
        return self.issue("exchange", x509.DNSName("localhost"), local)

    def revoke(self, *names: str) -> Path:
        """The list of revoked certificates, with these on it."""
        now = datetime.now(UTC)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(_name(self.name))
            .last_update(now - timedelta(days=1))
            .next_update(now + YEAR)
        )
        for name in names:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder()
                .serial_number(self._numbers[name])
                .revocation_date(now - timedelta(hours=1))
                .build()
            )
        return self._write("crl.pem", builder.sign(_key(self.name), hashes.SHA256()))

    def _write(
        self, file: str, what: x509.Certificate | x509.CertificateRevocationList
    ) -> Path:
        path = self.folder / file
        path.write_bytes(what.public_bytes(serialization.Encoding.PEM))
        return path

    # -- both sides --------------------------------------------------------------------

    def settings(self, *, clients: bool = False, **more: object) -> TlsSettings:
        """For the exchange; ``clients`` demands a certificate of them."""
        values: dict[str, object] = {"certificate_file": str(self.server())}
        if clients:
            values |= {"ca_file": str(self.ca), "client_certificate": True}
        return TlsSettings(**(values | more))  # type: ignore[arg-type]

    def client(self, certificate: Path | None = None) -> ssl.SSLContext:
        """For a client that trusts this authority."""
        context = ssl.create_default_context(cafile=str(self.ca))
        if certificate is not None:
            context.load_cert_chain(certificate)
        return context
