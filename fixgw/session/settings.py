"""The sessions file: QuickFIX's own format and key names, read without a file.

``[DEFAULT]`` once, ``[SESSION]`` for each session, ``key=value`` lines, ``#`` lines.
What a session does not say, the default says. :mod:`fixgw.session.keys` lists the keys.

Whoever runs an exchange must be able to trust that a session is what the file says. So
everything wrong with the file is found in one go and refused together: unknown keys,
bad values, values that contradict each other. What is harmless is told in a warning.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import tzinfo
from typing import Any

from fixgw.session.identity import SessionId
from fixgw.session.schedule import NON_STOP, Schedule
from fixgw.session.sections import Problem, Reader
from fixgw.session.values import Network
from fixgw.session.view import View

__all__ = ["AcceptorSettings", "Problem", "SessionSettings", "SettingsError", "parse"]

SESSIONS_MAX = 10_000
"""Each session costs memory at start whether it is used or not."""


class SettingsError(ValueError):
    """All that is wrong with a sessions file, in the order of its lines."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSettings:
    """One session. SenderCompID of ``session_id`` is ours, TargetCompID the client's.

    A TestRequest is sent after HeartBtInt times (1 + test_request_delay_multiplier)
    without a message, and the connection is cut after HeartBtInt times
    (1 + heartbeat_timeout_multiplier). ``data_dictionary`` None means the dictionary
    that comes with the version. No ``allowed_remote_addresses`` means all are allowed.
    """

    session_id: SessionId
    schedule: Schedule = NON_STOP
    check_comp_id: bool = True
    check_latency: bool = True
    max_latency_s: int = 120
    reset_on_logon: bool = False
    reset_on_logout: bool = False
    reset_on_disconnect: bool = False
    persist_messages: bool = True
    timestamp_precision: int = 3
    use_data_dictionary: bool = True
    data_dictionary: str | None = None
    logon_timeout_s: int = 10
    logout_timeout_s: int = 2
    test_request_delay_multiplier: float = 0.2
    heartbeat_timeout_multiplier: float = 1.4
    disable_heartbeat_check: bool = False
    resend_request_chunk_size: int = 0
    closed_resend_interval: bool = False
    send_redundant_resend_requests: bool = False
    resend_session_level_rejects: bool = False
    validate_fields_out_of_order: bool = True
    validate_fields_have_values: bool = True
    validate_user_defined_fields: bool = True
    allow_unknown_msg_fields: bool = False
    allow_unknown_enum_values: bool = False
    validate_length_and_checksum: bool = True
    requires_orig_sending_time: bool = True
    allowed_remote_addresses: tuple[Network, ...] = ()
    enable_last_msg_seq_num_processed: bool = False
    send_logout_before_disconnect_from_timeout: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptorSettings:
    """The listener and its sessions, in the order of the file.

    An empty ``host`` means every interface; a buffer of 0 bytes is left to the system.
    ``warnings`` are for the operator, in the form of problems.
    """

    host: str = ""
    port: int
    no_delay: bool = True
    keep_alive: bool = False
    send_buffer_bytes: int = 0
    receive_buffer_bytes: int = 0
    sessions: tuple[SessionSettings, ...]
    warnings: tuple[str, ...] = ()


def parse(text: str, name: str, local_zone: tzinfo | None = None) -> AcceptorSettings:
    """The settings in ``text``; ``name`` is the file for messages.

    ``local_zone`` is what UseLocalTime=Y stands for; without it that value is refused.
    Raises SettingsError with every problem found.
    """
    reader = Reader(name)
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        reader.take(number, line.strip())
    views = [View(reader.default, section, local_zone) for section in reader.sessions]
    acceptor = reader.check_acceptor()
    _check_sessions(reader, views)
    if reader.problems:
        # One fault in [DEFAULT] is found again with every session.
        found = sorted(dict.fromkeys(reader.problems), key=lambda each: each.line)
        raise SettingsError(tuple(found))
    return AcceptorSettings(
        **acceptor,
        sessions=tuple(_session(view) for view in views),
        warnings=tuple(str(warning) for warning in reader.warnings),
    )


def _check_sessions(reader: Reader, views: list[View]) -> None:
    if not views:
        reader.refuse(1, "[SESSION]", "there is none")
    if len(views) > SESSIONS_MAX:
        line = views[SESSIONS_MAX].section.line
        reader.refuse(line, "[SESSION]", f"more than {SESSIONS_MAX} sessions")
    lines: dict[int, int] = {}
    for view in views:
        for name, reason in view.problems():
            reader.refuse(view.line(name), name, reason)
        session_id = view.session_id()
        if session_id is not None:
            first = lines.setdefault(session_id.key, view.section.line)
            if first != view.section.line:
                reason = f"{session_id} is already the session of line {first}"
                reader.refuse(view.section.line, "[SESSION]", reason)


def _session(view: View) -> SessionSettings:
    """The settings of a session without problems."""
    names = (item.name for item in fields(SessionSettings))
    values: dict[str, Any] = {
        name: value for name in names if (value := view.get(name)) is not None
    }
    values["session_id"] = view.session_id()
    values["schedule"] = view.plan().schedule()
    values["timestamp_precision"] = view.precision()
    return SessionSettings(**values)
