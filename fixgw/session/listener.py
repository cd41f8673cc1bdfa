"""The listener as a sessions file describes it, and what must hold of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fixgw.session.policies import TlsSettings
from fixgw.session.sections import Entry
from fixgw.session.values import DEFAULTS

TLS_FILES = ("tls_certificate_file", "tls_key_file", "tls_ca_file", "tls_crl_file")
SWITCHED_OFF = "has no effect: TLS is switched off"


@dataclass(frozen=True, slots=True)
class Listener:
    """The keys that all sessions share, as they were given."""

    entries: Mapping[str, Entry]

    def get(self, name: str) -> Any:
        """The value of that field; its default if not given, None if it has none."""
        entry = self.entries.get(name)
        return entry.value if entry else DEFAULTS.get(name)

    @property
    def speaks_tls(self) -> bool:
        """Whether TLS is switched on: by its switch or, without it, by its files."""
        if "tls_enabled" in self.entries:
            return bool(self.get("tls_enabled"))
        return any(name in self.entries for name in TLS_FILES)

    @property
    def demands_certificate(self) -> bool:
        """Whether a client without a certificate is turned away.

        In the spelling of quickfixgo, a certificate without SocketUseSSL=Y means that.
        """
        if "tls_client_certificate" in self.entries:
            return bool(self.get("tls_client_certificate"))
        if "tls_verify_level" in self.entries:
            return bool(self.get("tls_verify_level") == 2)
        vouching = self.entries.get("tls_ca_file")
        return (
            vouching is not None
            and vouching.name == "SocketCAFile"
            and "tls_enabled" not in self.entries
        )

    @property
    def asks_for_certificate(self) -> bool:
        """Whether a client may show a certificate, and it is checked."""
        return (
            self.speaks_tls
            and "tls_ca_file" in self.entries
            and self.get("tls_verify_level") != 0
        )

    def tls(self) -> TlsSettings | None:
        """How TLS is spoken, by a listener without problems; None: it is not."""
        if not self.speaks_tls:
            return None
        asks = self.asks_for_certificate
        return TlsSettings(
            certificate_file=self.get("tls_certificate_file"),
            key_file=self.get("tls_key_file"),
            ca_file=self.get("tls_ca_file") if asks else None,
            crl_file=self.get("tls_crl_file") if asks else None,
            minimum_version=self.get("tls_minimum_version"),
            ciphers=self.get("tls_ciphers"),
            client_certificate=self.demands_certificate,
        )

    def problems(self) -> Iterator[tuple[str, str]]:
        """What is missing and what contradicts what: the field to blame, the reason."""
        if "port" not in self.entries:
            yield "port", "is missing"
        if self.speaks_tls:
            yield from self._tls_problems()
        if not self.get("use_tcp_proxy") and "trusted_proxies" in self.entries:
            yield "trusted_proxies", "needs UseTCPProxy=Y"

    def _tls_problems(self) -> Iterator[tuple[str, str]]:
        if "tls_certificate_file" not in self.entries:
            blamed = next(
                name for name in ("tls_enabled", *TLS_FILES) if name in self.entries
            )
            yield blamed, "needs a certificate of ours: give SocketCertificateFile"
        level = self.get("tls_verify_level")
        demanded = self.entries.get("tls_client_certificate")
        if demanded and level is not None and demanded.value != (level == 2):
            yield (
                "tls_verify_level",
                f"contradicts {demanded.name}={demanded.text}",
            )
        elif self.demands_certificate and "tls_ca_file" not in self.entries:
            blamed = "tls_client_certificate" if demanded else "tls_verify_level"
            yield blamed, "needs CertificationAuthoritiesFile: who vouches for them?"
        elif level == 1 and "tls_ca_file" not in self.entries:
            yield "tls_verify_level", "needs CertificationAuthoritiesFile"
        if "tls_crl_file" in self.entries and not self.asks_for_certificate:
            yield "tls_crl_file", "is of no use: no client is asked for a certificate"

    def warnings(self) -> Iterator[tuple[str, str]]:
        """What is harmless but worth telling: the field, the text."""
        if not self.speaks_tls:
            for name in sorted(self.entries):
                if name.startswith("tls_") and name != "tls_enabled":
                    yield name, SWITCHED_OFF
        elif self.get("tls_verify_level") == 0 and "tls_ca_file" in self.entries:
            yield "tls_ca_file", "has no effect: no client is asked for a certificate"
        if self.get("use_tcp_proxy") and "trusted_proxies" not in self.entries:
            yield (
                "use_tcp_proxy",
                "whoever reaches the port may claim any address; give TrustedProxies",
            )

    def values(self, fields: tuple[str, ...]) -> dict[str, Any]:
        """The values of these fields, where there are any."""
        found = {name: self.get(name) for name in fields if name != "tls"}
        given = {name: value for name, value in found.items() if value is not None}
        return {**given, "tls": self.tls()}
