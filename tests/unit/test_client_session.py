"""The client's session rules, told as conversations without a socket.

``>`` is what the client sends, ``<`` what the exchange sends.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import simplefix

from fixgw.client.login import LogonFailed, Settings
from fixgw.client.message import Message
from fixgw.client.saved import Saved
from fixgw.client.session import Phase, Session


class Recorder:
    """An application that remembers what it was told."""

    def __init__(self) -> None:
        self.shown: list[str] = []
        self.notices: list[str] = []
        self.taken: list[str] = []

    def show(self, message: Message, *, outgoing: bool, note: str = "") -> None:
        way = ">" if outgoing else "<"
        self.shown.append(f"{way}{message.type}{message.get(34)}{note and '!'}")

    def notice(self, text: str) -> None:
        self.notices.append(text)

    def sent(self, message: Message, number: int) -> None:
        pass

    def received(self, message: Message) -> None:
        self.taken.append(message.get(58))

    def to_save(self) -> list[dict[str, str]]:
        return []


class Talk:
    """One session with its other side played by the test."""

    def __init__(self, directory: Path, **options: object) -> None:
        self.directory, self.now = directory, 100.0
        self.saved = Saved.open(directory, "BUYER", "EXCHANGE")
        self.app = Recorder()
        self.wire: list[dict[int, str]] = []
        settings = Settings("BUYER", **options)  # type: ignore[arg-type]
        self.session = Session(
            settings, self.saved, self.app, self._written, lambda: self.now
        )

    def _written(self, data: bytes) -> None:
        pairs = (part.split("=", 1) for part in data.decode().split("\x01") if part)
        self.wire.append({int(tag): value for tag, value in pairs})

    def reply(self, kind: str, number: int, *fields: tuple[int, str]) -> None:
        self.session.receive(frame(kind, number, *fields))

    def logged_on(self, number: int = 1) -> "Talk":
        self.session.logon()
        self.reply("A", number, (98, "0"), (108, "30"))
        assert self.session.phase is Phase.ESTABLISHED
        self.wire.clear()
        self.app.shown.clear()
        return self

    def later(self, seconds: float) -> None:
        self.now += seconds
        self.session.tick()

    def sent(self, *tags: int) -> list[tuple[str, ...]]:
        """The given fields of everything sent since the last look."""
        found = [tuple(m.get(tag, "") for tag in tags) for m in self.wire]
        self.wire.clear()
        return found


def frame(
    kind: str, number: int, *fields: tuple[int, str], target: str = "BUYER"
) -> bytes:
    message = simplefix.FixMessage()
    header = ((8, "FIX.4.4"), (35, kind), (34, number), (49, "EXCHANGE"))
    for tag, value in (*header, (52, "20260102-03:04:05.678"), (56, target), *fields):
        message.append_pair(tag, value)
    data: bytes = message.encode()
    return data


@pytest.fixture
def talk(tmp_path: Path) -> Iterator[Talk]:
    talk = Talk(tmp_path)
    yield talk
    talk.saved.close()


def test_logon_counts_once_it_is_answered(talk: Talk) -> None:
    talk.session.logon()
    assert talk.saved.next_out == 1
    talk.reply("A", 1, (98, "0"), (108, "30"))
    assert (talk.saved.next_out, talk.saved.next_in) == (2, 2)
    assert talk.sent(35, 34, 49, 56, 98, 108, 141) == [
        ("A", "1", "BUYER", "EXCHANGE", "0", "30", "")
    ]


def test_a_reset_keeps_the_count_of_orders(tmp_path: Path) -> None:
    talk = Talk(tmp_path, reset=True)
    talk.saved.next_out = talk.saved.next_in = talk.saved.next_order = 40
    talk.session.logon()
    assert talk.sent(34, 141) == [("1", "Y")]
    talk.reply("A", 1, (98, "0"), (108, "30"), (141, "Y"))
    saved = talk.saved
    assert (saved.next_out, saved.next_in, saved.next_order) == (2, 2, 40)
    saved.close()


def test_credentials_are_sent_with_a_password_only(tmp_path: Path) -> None:
    talk = Talk(tmp_path, password="hunter2")
    talk.session.logon()
    assert talk.sent(553, 554) == [("BUYER", "hunter2")]
    assert "hunter2" not in repr(talk.session.settings)
    talk.saved.close()


def test_too_low_tells_the_number_wanted(talk: Talk) -> None:
    talk.session.logon()
    talk.reply("5", 1, (58, "MsgSeqNum too low, expecting 12 but received 1"))
    assert talk.session.phase is Phase.ENDED
    assert talk.session.expected_by_exchange == 12
    assert talk.saved.next_in == 2


def test_an_exchange_that_began_again_is_recognised(talk: Talk) -> None:
    talk.saved.next_in = 9
    talk.session.logon()
    talk.reply("A", 1, (98, "0"), (108, "30"))
    assert talk.sent(35, 58)[-1] == (
        "5",
        "MsgSeqNum too low, expecting 9 but received 1",
    )
    assert "--reset" in talk.session.reason


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        (((108, "30"),), "EncryptMethod(98)= is not supported"),
        (((98, "2"), (108, "30")), "EncryptMethod(98)=2 is not supported"),
        (((98, "0"),), "HeartBtInt(108) is missing or no number"),
        (((98, "0"), (108, "-1")), "HeartBtInt(108) is missing or no number"),
    ],
)
def test_1b_d_an_invalid_answer_gets_a_logout(
    talk: Talk, fields: tuple[tuple[int, str], ...], fault: str
) -> None:
    talk.session.logon()
    talk.wire.clear()
    talk.reply("A", 1, *fields)
    assert talk.sent(35, 34, 58) == [("5", "2", fault)]
    assert talk.session.phase is Phase.ENDED
    assert fault in talk.session.reason


def test_1b_d_an_answer_of_somebody_else_gets_a_logout(talk: Talk) -> None:
    talk.session.logon()
    talk.wire.clear()
    talk.session.receive(frame("A", 1, (98, "0"), (108, "30"), target="BAKER"))
    assert [kind for (kind,) in talk.sent(35)] == ["5"]
    assert talk.session.phase is Phase.ENDED


@pytest.mark.parametrize("kind", ["0", "8", "4"])
def test_1b_e_the_first_message_is_no_logon(talk: Talk, kind: str) -> None:
    talk.session.logon()
    talk.wire.clear()
    talk.reply(kind, 1, (58, "hello"))
    assert talk.sent(35) == []
    assert talk.session.phase is Phase.ENDED
    assert talk.session.reason == "the first message of the exchange is not a Logon"


def test_a_gap_at_logon_is_asked_for_and_shown_in_order(talk: Talk) -> None:
    talk.logged_on(number=4)
    assert talk.session.catching_up
    assert [m[35] for m in talk.wire] == []
    talk.reply("8", 5, (58, "five"))
    late = ((43, "Y"), (122, "20260102-03:04:05.000"))
    talk.reply("4", 1, *late, (36, "2"), (123, "Y"))
    talk.reply("8", 2, *late, (58, "two"))
    talk.reply("4", 3, *late, (36, "5"), (123, "Y"))
    assert talk.app.taken == ["two", "five"]
    assert not talk.session.catching_up
    assert talk.saved.next_in == 6
    assert talk.sent(35) == []  # one request went out with the Logon, no second


def test_one_request_for_a_gap_and_a_patience_with_it(talk: Talk) -> None:
    talk.logged_on()
    talk.reply("8", 4, (58, "four"))
    talk.reply("8", 6, (58, "six"))
    assert talk.sent(35, 7, 16) == [("2", "2", "0")]
    talk.later(11)
    assert talk.sent(35, 7, 16) == [("2", "2", "0")]
    talk.later(11)
    assert talk.sent(35) == [("5",)]
    assert talk.app.taken == []


def test_a_gap_behind_the_gap_is_asked_for_after_it(talk: Talk) -> None:
    talk.logged_on()
    talk.reply("8", 3, (58, "three"))
    talk.reply("8", 6, (58, "six"))
    assert talk.sent(35, 7) == [("2", "2")]
    talk.reply("8", 2, (43, "Y"), (58, "two"))
    assert talk.app.taken == ["two", "three"]
    assert talk.sent(35, 7) == [("2", "4")]


def test_a_duplicate_is_shown_and_not_taken(talk: Talk) -> None:
    talk.logged_on()
    talk.reply("8", 2, (58, "two"))
    talk.reply("8", 2, (43, "Y"), (58, "two"))
    assert talk.app.taken == ["two"]
    assert talk.app.shown == ["<82", "<82!"]


def test_a_low_number_without_the_flag_ends_it(talk: Talk) -> None:
    talk.logged_on()
    talk.reply("8", 1)
    assert talk.sent(35, 58) == [("5", "MsgSeqNum too low, expecting 2 but received 1")]


def test_a_test_request_is_answered_once(talk: Talk) -> None:
    talk.logged_on()
    talk.reply("1", 2, (112, "there?"))
    talk.reply("1", 3, (43, "Y"), (112, "again"))
    assert talk.sent(35, 112) == [("0", "there?")]
    assert talk.saved.next_in == 4


def test_heartbeat_test_request_and_the_cut(talk: Talk) -> None:
    talk.logged_on()
    talk.later(31)
    assert talk.sent(35) == [("0",)]
    talk.later(6)
    assert talk.sent(35, 112) == [("1", "ALIVE-3")]
    talk.later(30)
    talk.later(6)
    assert talk.session.phase is Phase.ENDED
    assert "silent for 73 s" in talk.session.reason


def test_no_heartbeats_with_interval_zero_but_logout_has_its_limit(talk: Talk) -> None:
    talk.session.logon()
    talk.reply("A", 1, (98, "0"), (108, "0"))
    talk.wire.clear()
    talk.later(10_000)
    assert talk.sent(35) == []
    talk.session.logout()
    talk.later(3)
    assert "no answer to our Logout" in talk.session.reason
    assert not talk.session.clean


def test_recent_orders_are_sent_again_and_the_rest_filled(talk: Talk) -> None:
    talk.logged_on()
    talk.session.send((35, "D"), (11, "old"))
    talk.session.send((35, "D"), (11, "new"))
    talk.session.send((35, "0"))
    talk.saved.sent[2].time = "20200102-03:04:05.678"
    first = talk.wire[1]
    talk.wire.clear()
    talk.reply("2", 2, (7, "1"), (16, "0"))
    assert talk.wire[1][122] == talk.saved.sent[3].time == first[52]
    assert talk.sent(35, 34, 43, 11, 36, 123) == [
        ("4", "1", "Y", "", "3", "Y"),
        ("D", "3", "Y", "new", "", ""),
        ("4", "4", "Y", "", "5", "Y"),
    ]
    assert talk.saved.next_out == 5
    assert talk.app.notices == ["old is too old, it is not sent again"]


@pytest.mark.parametrize(
    ("begin", "end"), [("0", "0"), ("9", "0"), ("2", "1"), ("x", "")]
)
def test_a_range_that_cannot_be_is_rejected(talk: Talk, begin: str, end: str) -> None:
    talk.logged_on()
    talk.reply("2", 2, (7, begin), (16, end))
    assert talk.sent(35, 45, 371, 373) == [("3", "2", "7", "5")]


def test_a_request_above_the_gap_is_served_once(talk: Talk) -> None:
    talk.logged_on()
    talk.reply("2", 3, (7, "1"), (16, "0"))
    assert talk.sent(35) == [("4",), ("2",)]
    talk.reply("8", 2, (43, "Y"))
    talk.reply("8", 4)
    assert talk.saved.next_in == 5
    assert talk.sent(35) == []


def test_their_logout_is_answered_also_above_a_gap(talk: Talk) -> None:
    talk.logged_on()
    talk.reply("5", 7, (58, "closing time"))
    assert talk.sent(35) == [("5",)]
    assert talk.session.reason == "the exchange logged us out: closing time"
    assert talk.saved.next_in == 2


def test_our_logout_is_clean_when_answered(talk: Talk) -> None:
    talk.logged_on()
    talk.session.logout()
    talk.reply("8", 2, (58, "still taken"))
    talk.reply("5", 3)
    assert talk.session.clean
    assert talk.app.taken == ["still taken"]


def test_garbled_messages_are_not_counted(talk: Talk) -> None:
    talk.logged_on()
    good = frame("8", 2, (58, "two"))
    talk.session.receive(good.replace(b"58=two", b"58=twO"))
    talk.session.receive(good.replace(b"\x019=", b"\x019=1"))
    assert talk.saved.next_in == 2
    assert "CheckSum(10)" in talk.app.notices[0]
    assert "BodyLength(9)" in talk.app.notices[1]
    for byte in good:
        talk.session.receive(bytes([byte]))
    assert talk.app.taken == ["two"]


@pytest.mark.parametrize("noise", [b"8=FIX.4.4\x01x=1\x01", b"1" * (1 << 20) + b"11"])
def test_noise_ends_the_session(talk: Talk, noise: bytes) -> None:
    talk.logged_on()
    talk.session.receive(noise)
    assert talk.session.phase is Phase.ENDED
    assert "not FIX" in talk.session.reason


def test_a_reset_of_the_numbers_only_goes_up(talk: Talk) -> None:
    talk.logged_on()
    talk.reply("4", 99, (36, "20"))
    assert talk.saved.next_in == 20
    talk.reply("4", 99, (36, "5"))
    assert talk.saved.next_in == 20


def test_the_file_carries_numbers_and_orders_over(talk: Talk) -> None:
    talk.logged_on()
    talk.session.send((35, "D"), (11, "BUYER-1"))
    talk.saved.close()
    again = Saved.open(talk.directory, "BUYER", "EXCHANGE")
    assert (again.next_out, again.next_in) == (3, 2)
    assert again.sent[2].fields == ((35, "D"), (11, "BUYER-1"))
    again.close()
    talk.saved = Saved.open(talk.directory, "BUYER", "EXCHANGE")


def test_two_clients_do_not_share_a_file(talk: Talk) -> None:
    with pytest.raises(LogonFailed, match="another client"):
        Saved.open(talk.directory, "BUYER", "EXCHANGE")


@pytest.mark.parametrize("text", ["", "{", "[]", json.dumps({"next_out": 1})])
def test_a_broken_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "a%2Fb-EXCHANGE.json").write_text(text)
    with pytest.raises(LogonFailed, match=r"a%2Fb-EXCHANGE\.json cannot be read"):
        Saved.open(tmp_path, "a/b", "EXCHANGE")


def test_a_store_that_cannot_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LogonFailed, match="choose another --store"):
        Saved.open(tmp_path / "file", "BUYER", "EXCHANGE")


def test_a_number_beyond_reason_ends_the_session(talk: Talk) -> None:
    talk.logged_on()
    talk.session.receive(frame("8", 2).replace(b"34=2", b"34=" + b"9" * 5000))
    assert "BodyLength(9)" in talk.app.notices[0]
    talk.reply("8", 10**20)
    assert talk.sent(35, 58) == [("5", "a message without MsgSeqNum(34)")]
