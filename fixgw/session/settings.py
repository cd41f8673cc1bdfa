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

from fixgw.session.book import SettingsError, read
from fixgw.session.identity import SessionId
from fixgw.session.policies import (
    Authentication,
    ResendOverflow,
    ResetPolicy,
    TlsSettings,
)
from fixgw.session.profile import STANDARD, Profile
from fixgw.session.schedule import NON_STOP, Schedule
from fixgw.session.sections import Problem
from fixgw.session.values import Network
from fixgw.session.view import View

__all__ = ["AcceptorSettings", "Problem", "SessionSettings", "SettingsError", "parse"]


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
    logon_timeout_s: int = 5
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
    profile: Profile = STANDARD
    default_appl_ver_id: str = ""
    transport_data_dictionary: str | None = None
    app_data_dictionaries: tuple[tuple[str, str], ...] = ()
    enable_next_expected_msg_seq_num: bool = False
    reset_seq_num_flag: ResetPolicy = ResetPolicy.ALLOW
    heart_bt_int_s_min: int = 0
    heart_bt_int_s_max: int = 3_600
    heart_bt_int_override_s: int = 0
    reset_on_error: bool = False
    disconnect_on_error: bool = False
    refresh_on_logon: bool = False
    validate_incoming_message: bool = True
    validate_sequence_numbers: bool = True
    validate_unordered_group_fields: bool = True
    first_field_in_group_is_delimiter: bool = False
    reject_invalid_message: bool = True
    reject_garbled_message: bool = False
    allow_pos_dup: bool = False
    ignore_poss_dup_resend_requests: bool = True
    interleave_live_messages: bool = False
    resend_messages_max: int = 0
    resend_requests_per_minute_max: int = 0
    resend_overflow: ResendOverflow = ResendOverflow.LOGOUT
    resend_age_s_max: int = 0
    resend_skip_msg_types: frozenset[str] = frozenset()
    throttle_messages_per_s: int = 0
    throttle_burst: int = 0
    throttle_rejects_max: int = 0
    self_match_prevention_inst: int = 0
    mass_status_max: int = 5_000
    slow_consumer_bytes_max: int = 4 * 1024 * 1024
    slow_consumer_s_max: float = 10.0
    message_bytes_max: int = 1024 * 1024
    message_fields_max: int = 10_000
    authentication: Authentication = Authentication.NONE
    client_certificate_names: tuple[str, ...] = ()
    on_behalf_of_comp_ids: tuple[str, ...] = ()
    deliver_to_comp_ids: tuple[str, ...] = ()
    cancel_on_disconnect: bool = False
    cancel_on_logout: bool = False
    cancel_on_disconnect_grace_s: int = 0
    cancel_keeps_gtc: bool = False
    drop_copy_of: tuple[str, ...] = ()
    market_data: bool = True
    market_data_subscriptions_max: int = 500
    market_data_checks: bool = False
    file_log_path: str | None = None
    redacted_fields: frozenset[int] = frozenset()
    redaction_text: str = "<redacted>"


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptorSettings:
    """The listener and its sessions, in the order of the file.

    An empty ``host`` means every interface; a buffer of 0 bytes is left to the system.
    ``templates`` stand for sessions not listed: target_comp_id ``*`` in the
    ``session_id`` of one is any name. ``warnings`` are for the operator, in the form of
    problems.
    """

    host: str = ""
    port: int
    no_delay: bool = True
    keep_alive: bool = False
    send_buffer_bytes: int = 0
    receive_buffer_bytes: int = 0
    traffic_class: int = 0
    tls: TlsSettings | None = None
    use_tcp_proxy: bool = False
    trusted_proxies: tuple[Network, ...] = ()
    connections_per_address_max: int = 100
    connections_per_address_per_minute_max: int = 0
    logon_failures_max: int = 15
    logon_failures_s: int = 30
    logon_block_s: int = 15
    replays_max: int = 5
    templates: tuple[SessionSettings, ...] = ()
    dynamic_sessions_max: int = 1_000
    credentials_file: str | None = None
    file_store_path: str | None = None
    sessions: tuple[SessionSettings, ...]
    warnings: tuple[str, ...] = ()


def parse(text: str, name: str, local_zone: tzinfo | None = None) -> AcceptorSettings:
    """The settings in ``text``; ``name`` is the file for messages.

    ``local_zone`` is what UseLocalTime=Y stands for; without it that value is refused.
    Raises SettingsError with every problem found.
    """
    book = read(text, name, local_zone)
    made = [(view.is_template, _session(view)) for view in book.views]
    return AcceptorSettings(
        **book.listener.values(ACCEPTOR_FIELDS),
        sessions=tuple(session for is_template, session in made if not is_template),
        templates=tuple(session for is_template, session in made if is_template),
        warnings=book.warnings,
    )


def _session(view: View) -> SessionSettings:
    """The settings of a session without problems."""
    names = (item.name for item in fields(SessionSettings))
    values: dict[str, Any] = {
        name: value for name in names if (value := view.get(name)) is not None
    }
    values["session_id"] = view.session_id()
    values["schedule"] = view.plan().schedule()
    values["timestamp_precision"] = view.precision()
    values["profile"] = view.profile()
    values["app_data_dictionaries"] = view.app_data_dictionaries()
    if view.get("heart_bt_int_override"):
        values["heart_bt_int_override_s"] = view.get("heart_bt_int_s")
    return SessionSettings(**values)


ACCEPTOR_FIELDS = tuple(
    item.name
    for item in fields(AcceptorSettings)
    if item.name not in ("sessions", "templates", "warnings")
)
