"""The files of TLS that a sessions file names, found and tried before a start."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from fixgw.net.tls import TlsUnusable, make_context
from fixgw.ops.setup import SetupError, shown_path
from fixgw.session.settings import AcceptorSettings


def with_tls_files(sessions: Path, settings: AcceptorSettings) -> AcceptorSettings:
    """The same with whole paths: names are relative to the sessions file.

    Raises SetupError if TLS cannot be offered with them.
    """
    tls = settings.tls
    if tls is None:
        return settings

    def found(name: str | None) -> str | None:
        return None if name is None else shown_path((sessions.parent / name).resolve())

    tls = replace(
        tls,
        certificate_file=str(found(tls.certificate_file)),
        key_file=found(tls.key_file),
        ca_file=found(tls.ca_file),
        crl_file=found(tls.crl_file),
    )
    try:
        make_context(tls)
    except TlsUnusable as error:
        raise SetupError(f"{shown_path(sessions)}: {error}") from error
    return replace(settings, tls=tls)
