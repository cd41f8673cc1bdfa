"""Structured logs: pretty on a terminal, JSON lines elsewhere, never a secret in
them."""

from __future__ import annotations

import logging
import sys
from typing import Literal

import structlog
from structlog.typing import EventDict, WrappedLogger

from fixgw.wire.redaction import redact, redact_text

LogFormat = Literal["auto", "pretty", "json"]


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
                colors=sys.stderr.isatty(),
                pad_event_to=40,
                sort_keys=True,
                # Others show local variables, and with them whole messages.
                exception_formatter=structlog.dev.plain_traceback,
            )
        ]
        if pretty
        else [structlog.processors.JSONRenderer()]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                _without_secrets,
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


def _without_secrets(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Any text may quote a message, an exception's above all."""
    for name, value in event.items():
        if isinstance(value, str) and name != "fix":
            event[name] = redact_text(value)
    return event
