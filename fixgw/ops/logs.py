"""Structured logs: pretty on a terminal, JSON lines elsewhere, never a secret in
them."""

from __future__ import annotations

import logging
import re
import sys
from typing import Literal

import structlog
from structlog.typing import EventDict, WrappedLogger

LogFormat = Literal["auto", "pretty", "json"]

SECRET_TAGS = (554, 925, 96, 1402, 1404, 89)
"""Password, NewPassword, RawData, EncryptedPassword, EncryptedNewPassword,
Signature."""

_SECRET = re.compile(
    rb"(^|[\x01|])(" + b"|".join(b"%d" % tag for tag in SECRET_TAGS) + rb")=[^\x01|]*"
)


def redact(message: bytes) -> str:
    """A FIX message as readable text: SOH as ``|``, secrets as ``***``."""
    return _SECRET.sub(rb"\1\2=***", message).replace(b"\x01", b"|").decode("latin-1")


def set_up(process: str, log_format: LogFormat, level: str = "INFO") -> None:
    """Send all logging of this process to stderr; ``process`` names it in each line."""
    pretty = log_format == "pretty" or (log_format == "auto" and sys.stderr.isatty())

    def add_process(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        event["process"] = process
        return event

    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        add_process,
        _readable_fix,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: list[structlog.typing.Processor] = (
        [
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), pad_event_to=40, sort_keys=True
            )
        ]
        if pretty
        else [
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.getLogger("asyncio").setLevel(logging.WARNING)


def _readable_fix(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    raw = event.get("fix")
    if isinstance(raw, bytes):
        event["fix"] = redact(raw)
    return event
