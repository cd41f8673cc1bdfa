"""What a session is made of, put together once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from fixgw.dictionary import Rulebook, Switches
from fixgw.session.gap import Gap
from fixgw.session.lifecycle import Lifecycle
from fixgw.session.liveness import Liveness
from fixgw.session.numbering import Numbering
from fixgw.session.numbers import Numbers
from fixgw.session.outbound import Outbound
from fixgw.session.resendlimits import ResendLimits
from fixgw.session.settings import SessionSettings
from fixgw.session.throttle import Throttle
from fixgw.session.versions import VERSIONS, Version
from fixgw.wire import Message

if TYPE_CHECKING:
    from fixgw.session.session import Session


class Application(Protocol):
    """What the session layer serves. Called with messages in order, each once."""

    def on_logon(self, session: Session) -> None:
        """The session is established."""

    def on_logout(self, session: Session) -> None:
        """The session is no longer established."""

    def on_message(self, session: Session, message: Message, now_ns: int) -> None:
        """An application message; PossDupFlag(43) and PossResend(97) are its to judge.

        May call the session's ``send``, ``reject`` and ``business_reject``.
        """


@dataclass(frozen=True, slots=True)
class Parts:
    """Shared by those who work on a session. ``rulebook`` None: content is not
    judged."""

    settings: SessionSettings
    version: Version
    rulebook: Rulebook | None
    switches: Switches
    numbers: Numbers
    gap: Gap
    liveness: Liveness
    out: Outbound
    life: Lifecycle
    numbering: Numbering
    resend_limits: ResendLimits
    throttle: Throttle

    @classmethod
    def of(
        cls, settings: SessionSettings, rulebook: Rulebook | None, numbers: Numbers
    ) -> Parts:
        """New parts for a session with these settings."""
        version = VERSIONS[settings.session_id.begin_string]
        gap = Gap(
            settings.resend_request_chunk_size,
            settings.closed_resend_interval,
            settings.send_redundant_resend_requests,
            version.open_end,
        )
        liveness = Liveness(settings)
        out = Outbound(settings, version, numbers, liveness)
        return cls(
            settings,
            version,
            rulebook,
            _switches(settings),
            numbers,
            gap,
            liveness,
            out,
            Lifecycle(settings, out),
            Numbering(settings, numbers, gap, out),
            ResendLimits(settings),
            Throttle(
                settings.throttle_messages_per_s,
                settings.throttle_burst,
                settings.throttle_rejects_max,
            ),
        )


def _switches(settings: SessionSettings) -> Switches:
    return Switches(
        validate_fields_out_of_order=settings.validate_fields_out_of_order,
        validate_fields_have_values=settings.validate_fields_have_values,
        validate_user_defined_fields=settings.validate_user_defined_fields,
        allow_unknown_msg_fields=settings.allow_unknown_msg_fields,
        allow_unknown_enum_values=settings.allow_unknown_enum_values,
        validate_unordered_group_fields=settings.validate_unordered_group_fields,
        first_field_in_group_is_delimiter=settings.first_field_in_group_is_delimiter,
    )
