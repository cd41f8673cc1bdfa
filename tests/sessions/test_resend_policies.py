"""Resends by policy, and the throttle, as a client sees them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from fixgw.session.policies import ResendOverflow
from fixgw.session.reasons import DisconnectReason
from tests.sessions.conversation import ORDER, Conversation

LOGOUT = ResendOverflow.LOGOUT


def with_reports(count: int, **more: Any) -> Conversation:
    """Sent so far: 1 Logon, then so many reports; the client's next number is 2."""
    more.setdefault("resend_overflow", ResendOverflow.GAP_FILL)
    c = Conversation(**more).log_on()
    for number in range(count):
        c.send(f"35=8|37=X{number + 2}")
    c.forget()
    return c


def again(seq: int) -> str:
    """The report with this number, sent again."""
    return f"35=8|34={seq}|43=Y|122=*|37=X{seq}"


def fill(begin: int, new: int) -> str:
    """A GapFill."""
    return f"35=4|34={begin}|43=Y|122=*|36={new}|123=Y"


# -- caps ------------------------------------------------------------------------------


@pytest.mark.parametrize("slice_messages", [1, 2, 1000])
def test_messages_above_the_cap_are_filled_over(slice_messages: int) -> None:
    c = with_reports(8, resend_messages_max=3, slice_messages=slice_messages)
    c.client("35=2|34=2|7=2|16=8")
    for text in (again(2), again(3), again(4), fill(5, 9)):
        c.expect(text)
    c.expect_nothing()
    assert c.session.resend_limits.refused == 1


def test_messages_above_the_cap_end_the_session() -> None:
    c = with_reports(8, resend_messages_max=3, resend_overflow=LOGOUT)
    c.client("35=2|34=2|7=2|16=4")
    for seq in (2, 3, 4):
        c.expect(again(seq))
    c.client("35=2|34=3|7=2|16=0")
    c.expect("35=5|34=10|58=Resend of more than 3 messages requested")
    c.expect_closed(DisconnectReason.RESEND_LIMIT)


def test_a_client_that_asks_in_chunks_gets_everything() -> None:
    c = with_reports(8, resend_messages_max=3, resend_overflow=LOGOUT)
    for number, begin in enumerate((2, 5, 8)):
        c.client(f"35=2|34={2 + number}|7={begin}|16={begin + 2}")
    for seq in range(2, 10):
        c.expect(again(seq))
    c.expect_nothing()


def test_requests_above_the_rate_are_filled_over() -> None:
    c = with_reports(3, resend_requests_per_minute_max=2)
    for number in range(3):
        c.client(f"35=2|34={2 + number}|7={2 + number}|16={2 + number}")
    for text in (again(2), again(3), fill(4, 5)):
        c.expect(text)
    c.expect_nothing()
    c.after(30)
    c.forget()
    c.client("35=2|34=5|7=4|16=4")
    c.expect_only(again(4))


def test_t4_a_client_in_a_loop_is_filled_over_it() -> None:
    """It asks for the same and never gets further: the fourth time it is led on."""
    c = with_reports(2)
    for number in range(3):
        c.client(f"35=2|34={2 + number}|7=2|16=0")
        c.expect(again(2))
        c.expect_only(again(3))
    c.client("35=2|34=5|7=2|16=0")
    c.expect_only(fill(2, 4))


def test_t4_a_client_in_a_loop_is_logged_out() -> None:
    c = with_reports(2, resend_overflow=LOGOUT)
    for number in range(4):
        c.forget()
        c.client(f"35=2|34={2 + number}|7=2|16=0")
    c.expect("35=5|34=4|58=*")
    c.expect_closed(DisconnectReason.RESEND_LIMIT)


def test_t9_a_hundred_requests_in_a_row() -> None:
    """While one is served the same is ignored, a few others wait, more are ignored."""
    c = with_reports(20, automatic=False, slice_messages=1)
    for number in range(100):
        c.client(f"35=2|34={2 + number}|7={2 + number // 10}|16=21")
    while c.replay_slice():
        pass
    starts = range(2, 7)
    assert len(c.wire) == sum(22 - begin for begin in starts)
    assert c.next_in == 102
    assert c.session.resend_limits.refused == 95


def test_a_logout_by_a_limit_is_the_last_word() -> None:
    """Also when our own gap is open: no ResendRequest follows the Logout."""
    c = with_reports(3, resend_messages_max=1, resend_overflow=LOGOUT)
    c.order(5)
    c.expect_only("35=2|34=5|7=2|16=0")
    c.client("35=2|34=6|7=1|16=0")
    c.expect("35=5|34=6|58=*")
    c.expect_closed(DisconnectReason.RESEND_LIMIT)


# -- what is not sent again ------------------------------------------------------------


def test_expired_messages_are_filled_over() -> None:
    c = Conversation(resend_age_s_max=60, check_latency=False).log_on(0)
    for seq in (2, 3):
        c.send(f"35=8|37=X{seq}")
    c.now += timedelta(seconds=61)
    c.send("35=8|37=X4")
    c.forget()
    c.client("35=2|34=2|7=1|16=0")
    c.expect(fill(1, 4))
    c.expect_only(again(4))


def test_messages_expire_while_a_replay_runs() -> None:
    c = with_reports(
        3, resend_age_s_max=60, check_latency=False, automatic=False, slice_messages=1
    )
    c.client("35=2|34=2|7=2|16=0")
    c.replay_slice()
    c.now += timedelta(seconds=61)
    while c.replay_slice():
        pass
    c.expect(again(2))
    c.expect_only(fill(3, 5))


def test_unwanted_types_are_filled_over() -> None:
    c = Conversation(resend_skip_msg_types=frozenset({"S"})).log_on()
    c.send("35=8|37=X2")
    c.send("35=S|117=Q")
    c.send("35=8|37=X4")
    c.forget()
    c.client("35=2|34=2|7=2|16=0")
    for text in (again(2), fill(3, 4), again(4)):
        c.expect(text)
    c.expect_nothing()


def test_a_reject_that_may_be_resent_is_still_session_level() -> None:
    """It answers at once whatever the state, also after a Logout."""
    c = Conversation(resend_session_level_rejects=True).log_on()
    c.client("35=5|34=2")
    c.expect("35=5|34=2")
    c.client(f"35=D|34=3|{ORDER}|9999=1")
    assert "35=3" in "".join(data.decode("latin-1") for data in c.wire)


# -- live messages during a replay -----------------------------------------------------


def test_interleaved_live_messages() -> None:
    c = with_reports(
        3, interleave_live_messages=True, automatic=False, slice_messages=1
    )
    c.client("35=2|34=2|7=1|16=0")
    c.replay_slice()
    c.send("35=8|37=LIVE")
    c.replay_slice()
    c.client("35=1|34=3|112=z")
    while c.replay_slice():
        pass
    c.expect("35=8|34=5|37=LIVE")
    c.expect(fill(1, 2))
    c.expect(again(2))
    c.expect("35=0|34=6|112=z")
    for seq in (3, 4):
        c.expect(again(seq))
    c.expect_nothing()


def test_an_interleaved_replay_ends_where_the_request_ended() -> None:
    """What was sent since is no part of it, although the end was open."""
    c = with_reports(
        1, interleave_live_messages=True, automatic=False, slice_messages=1
    )
    c.client("35=1|34=2|112=a")
    c.expect("35=0|34=3|112=a")
    c.client("35=2|34=3|7=2|16=0")
    c.client("35=1|34=4|112=b")
    while c.replay_slice():
        pass
    for text in ("35=0|34=4|112=b", again(2), fill(3, 4)):
        c.expect(text)
    c.expect_nothing()


def test_an_open_range_again_includes_what_was_interleaved() -> None:
    c = with_reports(
        1, interleave_live_messages=True, automatic=False, slice_messages=1
    )
    c.client("35=2|34=2|7=2|16=0")
    c.send("35=8|37=X3")
    c.client("35=2|34=3|7=2|16=0")
    while c.replay_slice():
        pass
    for text in ("35=8|34=3|37=X3", again(2), again(2), again(3)):
        c.expect(text)
    c.expect_nothing()


# -- the throttle ----------------------------------------------------------------------

CANCEL = "35=F|34={}|11=B|41=A|54=1|55=XYZ|60=20260102-03:04:05|38=5"
REFUSED = "35=j|34={}|45={}|58=Throttle limit exceeded|372=D|379=A|380=0"


def throttled(**more: Any) -> Conversation:
    """Two orders at once, one a second, two refusals before the Logout."""
    limits: dict[str, Any] = {
        "throttle_messages_per_s": 1,
        "throttle_burst": 2,
        "throttle_rejects_max": 2,
    }
    return Conversation(**limits, **more).log_on(3600)


def test_throttled_orders_are_refused_and_counted() -> None:
    c = throttled()
    for seq in (2, 3, 4):
        c.order(seq)
    c.expect_only(REFUSED.format(2, 4))
    assert c.app.numbers == [2, 3]
    assert c.next_in == 5
    c.after(1)
    c.order(5)
    c.expect_nothing()
    assert c.app.numbers == [2, 3, 5]


def test_the_ladder_ends_in_a_logout() -> None:
    c = throttled()
    for seq in range(2, 7):
        c.order(seq)
    c.expect(REFUSED.format(2, 4))
    c.expect(REFUSED.format(3, 5))
    said = [data for data in c.wire if b"\x0135=5\x01" in data]
    assert len(said) == 1
    assert b"58=Throttle limit exceeded" in said[0]
    c.forget()
    c.client("35=5|34=7")
    c.expect_closed(DisconnectReason.THROTTLED)


def test_cancels_pass_at_every_rung() -> None:
    c = throttled()
    seq = 2
    for _ in range(4):
        c.order(seq)
        c.client(CANCEL.format(seq + 1))
        seq += 2
    cancels = [m for m in c.app.messages if m.msg_type == "F"]
    assert len(cancels) == 4
    assert c.app.numbers == [2, 3, 4, 5, 7, 9]


def test_session_level_messages_are_not_counted() -> None:
    c = throttled()
    for seq in range(2, 52):
        c.client(f"35=1|34={seq}|112=a")
    assert len(c.wire) == 50
    c.forget()
    c.order(52)
    c.order(53)
    c.expect_nothing()


def test_no_throttle_by_default() -> None:
    c = Conversation().log_on()
    for seq in range(2, 302):
        c.order(seq)
    c.expect_nothing()
