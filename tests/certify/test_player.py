"""Each step of a dialogue over real sockets: passed when it should be, else failed."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

import pytest

from fixgw.certify.compare import Mode
from fixgw.certify.transcript import Kind, Outcome, Result
from tests.certify.fakes import Line, acceptor, against, dialogue, play

HEARTBEAT = "8=FIX.4.4|35=0|34=2|112={}|"


def passed(result: Result) -> None:
    assert (result.outcome, result.reason) == (Outcome.PASSED, "")
    assert result.line == 0


def failed(result: Result, line: int, reason: str) -> None:
    assert result.outcome is Outcome.FAILED
    assert reason in result.reason
    assert result.line == line


async def silent(line: Line) -> None:
    await line.rest()


async def closing(line: Line) -> None:
    pass


async def answering(line: Line) -> None:
    """Two Heartbeats for whatever comes, then the end."""
    await line.read()
    await line.say(HEARTBEAT.format("A"), HEARTBEAT.format("B"))


ASK = "iCONNECT\nI8=FIX.4.4|35=1|34=2|112=X|\n"


def test_a_conversation() -> None:
    passed(against(ASK + "E35=0|112=A\nE35=0|112=B\neDISCONNECT\n", answering))


def test_another_message() -> None:
    result = against(ASK + "E35=0|112=A\nE35=0|112=C\n", answering)
    failed(result, 4, "tag 112: the value differs, expected C, received B")
    event = result.events[-1]
    assert event.kind is Kind.RECEIVED
    assert event.is_wrong
    assert [item.tag for item in event.differences] == ["112"]


def test_a_message_that_does_not_come() -> None:
    failed(against("iCONNECT\nE35=0\n", silent, wait_s=0.1), 2, "nothing came within")
    failed(against("iCONNECT\nE35=0\n", closing), 2, "closed the connection")


def test_half_a_message() -> None:
    async def half(line: Line) -> None:
        await line.raw(b"8=FIX.4.4\x019=50\x0135=0\x01")

    failed(against("iCONNECT\nE35=0\n", half), 2, "part of a message")
    failed(against("iCONNECT\neDISCONNECT\n", half), 2, "part of a message")


def test_what_is_no_message() -> None:
    async def junk(line: Line) -> None:
        await line.raw(b"8=FIX.4.4\x019=x\x0135=0\x01")
        await line.rest()

    failed(against("iCONNECT\nE35=0\n", junk), 2, "no message: BodyLength(9) is 'x'")


def test_nobody_listens() -> None:
    result = asyncio.run(play(dialogue("iCONNECT\n"), 1))
    failed(result, 1, "no connection to 127.0.0.1:1")


def test_the_end_is_expected() -> None:
    passed(against("iCONNECT\neDISCONNECT\n", closing))
    failed(
        against("iCONNECT\neWITHIN 0.1\neDISCONNECT\n", silent),
        3,
        "nothing came within 0.1 s",
    )
    failed(against(ASK + "eDISCONNECT\n", answering), 3, "a message instead of the end")


def test_nothing_is_expected() -> None:
    passed(against("iCONNECT\neNOTHING 0.1\n", silent))
    failed(against(ASK + "eNOTHING 0.1\n", answering), 3, "nothing was expected")
    failed(against("iCONNECT\neNOTHING 0.5\n", closing), 2, "closed the connection")


def test_ignoring() -> None:
    passed(against(ASK + "eIGNORE 0.1\neDISCONNECT\n", answering))


def test_skipping() -> None:
    passed(against(ASK + "eSKIP 0\neDISCONNECT\n", answering))
    failed(against(ASK + "eSKIP 1\neDISCONNECT\n", answering), 4, "instead of the end")


async def slow(line: Line) -> None:
    await line.read()
    await asyncio.sleep(0.3)
    await line.say(HEARTBEAT.format("A"))


def test_time_limits() -> None:
    passed(against(ASK + "eWITHIN 0.2..20\nE35=0\n", slow))
    failed(against(ASK + "eWITHIN 0.1\nE35=0\n", slow), 4, "nothing came within 0.1 s")
    failed(against(ASK + "eWITHIN 1..2\nE35=0\n", slow), 4, "not before 1 s")


def test_a_limit_holds_for_one_wait() -> None:
    text = ASK + "eWITHIN 2..3\neMAYBE 35=1\nE35=0\n"
    passed(against(text, slow))


ONE_OF = "eONEOF\neWHEN 35=0|112=<IN:{}>\niLET n 1\neWHEN 35=5\niLET n 2\neEND\n"


def test_one_of_several() -> None:
    text = ASK + ONE_OF.format("A") + "E35=0|112=B\neDISCONNECT\n"
    passed(against(text, answering))
    failed(against(ASK + ONE_OF.format("C"), answering), 3, "none of 2 messages")


def test_all_in_any_order() -> None:
    text = ASK + "eALL\nE112=B\nE112=A\neEND\neDISCONNECT\n"
    passed(against(text, answering))
    failed(
        against(ASK + "eALL\nE112=B\nE112=C\neEND\n", answering),
        3,
        "none of 2 messages",
    )
    failed(
        against(ASK + "eALL\nE112=A\nE112=B\nE35=5\neEND\n", answering),
        3,
        "closed the connection",
    )


def test_maybe() -> None:
    passed(against(ASK + "eMAYBE 112=A\nE112=B\n", answering))
    passed(against(ASK + "eMAYBE 112=C\nE112=A\n", answering))


def test_values_are_used_later() -> None:
    async def echo(line: Line) -> None:
        await line.say("8=FIX.4.4|35=1|34=7|112=HELLO|")
        data = await line.read()
        assert b"\x01112=HELLO\x01" in data
        await line.say("8=FIX.4.4|35=0|34=8|112=x|")

    text = """
        iCONNECT
        E35=1|34=<SET:n>|112=<SET:id>
        I8=FIX.4.4|35=0|112=<GET:id>|
        E34=<GET:n+1>
        """
    passed(against(text, echo))
    failed(against(text.replace("n+1", "n+2"), echo), 4, "expected 9, received 8")


def received_by_peer(text: str) -> list[bytes]:
    """What a peer reads, one entry per read, for a script that sends and closes."""
    chunks: list[bytes] = []

    async def collect(line: Line) -> None:
        while chunk := await line.reader.read(65536):
            chunks.append(chunk)

    passed(against(text, collect))
    return chunks


def test_pieces() -> None:
    text = "iCONNECT\n{}\nI8=FIX.4.4|35=0|112=X|\n"
    whole = received_by_peer(text.format(""))
    assert len(whole) == 1
    for how, least in (("1", 10), ("fields", 4), ("at 5", 2)):
        chunks = received_by_peer(text.format(f"iPIECES {how} every 0.005"))
        assert b"".join(chunks) == whole[0]
        assert len(chunks) >= least
    assert chunks[0] == b"8=FIX"


def test_glue() -> None:
    text = "iCONNECT\niGLUE 3\nIa\niPAUSE 0.05\nIb\niPAUSE 0.05\nIc\n"
    assert received_by_peer(text) == [b"abc"]


def test_raw_and_bad_frames() -> None:
    text = "iCONNECT\niRAW 8=FIX.4.4|35=0\nI8=FIX.4.4|9=5|35=0|10=1|\n"
    assert b"".join(received_by_peer(text)) == (
        b"8=FIX.4.4\x0135=08=FIX.4.4\x019=5\x0135=0\x0110=1\x01"
    )


def test_repeating() -> None:
    text = "iCONNECT\niREPEAT 3\nI<N>,\niEND\niREPEAT 5\nIx\niBREAK\niEND\n"
    assert b"".join(received_by_peer(text)) == b"1,2,3,x"


def test_two_connections() -> None:
    async def second_is_refused(line: Line) -> None:
        data = await line.read()
        if b"112=1" in data:
            await line.say(HEARTBEAT.format("1"))
            await line.rest()

    text = """
        i1,CONNECT
        I1,8=FIX.4.4|35=1|112=1|
        E1,35=0|112=1
        i2,CONNECT
        I2,8=FIX.4.4|35=1|112=2|
        e2,DISCONNECT
        e1,NOTHING 0.1
        i1,DISCONNECT
        """
    passed(against(text, second_is_refused))


def test_sending_where_nobody_is() -> None:
    failed(against("Ix\n", silent), 1, "connection 1 is not open")
    failed(
        against("iCONNECT\niDISCONNECT\nE35=0\n", silent), 3, "connection 1 is not open"
    )
    failed(
        against("iCONNECT\neDISCONNECT\niREPEAT 3\nIx\niPAUSE 0.1\niEND\n", closing),
        4,
        "the connection is gone",
    )


def test_breaking_off() -> None:
    ends: list[str] = []

    async def watch(line: Line) -> None:
        try:
            await line.rest()
            ends.append("closed")
        except ConnectionResetError:
            ends.append("reset")

    passed(against("iCONNECT\niABORT\niPAUSE 0.1\n", watch))
    passed(against("iCONNECT\niDISCONNECT\n", watch))
    assert ends == ["reset", "closed"]


def test_holding() -> None:
    async def flood(line: Line) -> None:
        await line.read()
        for _ in range(200):
            await line.say("8=FIX.4.4|35=0|112=" + "x" * 100_000 + "|")

    text = "iCONNECT\niHOLD\nI8=FIX.4.4|35=1|\niPAUSE 0.1\niRESUME\nE35=0\n"
    passed(against(text, flood))


def test_operator_and_counters(tmp_path: Path) -> None:
    path = tmp_path / "said"
    script = tmp_path / "say.py"
    script.write_text(
        "import sys\n"
        f"open({str(path)!r}, 'a').write(' '.join(sys.argv[1:]) + '\\n')\n"
        "sys.exit('bad' in sys.argv)\n"
    )
    command = f"{sys.executable} {script}"
    text = """
        iCONNECT
        iOPERATOR sessions logout 'T W'
        iSET_SESSION FIX.4.4:S->C NEXTTARGETSEQNUM=7
        """
    changes = {
        "operator_command": command,
        "set_session_command": command + " {command} {client} {value} {server}",
    }
    passed(against(text, silent, **changes))
    assert path.read_text() == "sessions logout T W\nset-next-in C 7 S\n"
    failed(against("iOPERATOR bad\n", silent, **changes), 1, "ended with code 1")
    failed(
        against("iOPERATOR x\n", silent, operator_command="/nowhere"),
        1,
        "No such file",
    )


@pytest.mark.parametrize(
    ("text", "need"),
    [
        ("iOPERATOR x\n", "--operator-command"),
        ("iSET_SESSION FIX.4.4:S->C NEXTTARGETSEQNUM=7\n", "--set-session-command"),
        ("eCONNECT\n", "--server"),
    ],
)
def test_what_is_missing_skips(text: str, need: str) -> None:
    result = against("iCONNECT\n" + text, silent)
    assert result.outcome is Outcome.SKIPPED
    assert need in result.reason
    assert not result.events


def test_failing_on_purpose() -> None:
    failed(against("iFAIL as told\n", silent), 1, "as told")


def test_a_dialogue_has_a_limit() -> None:
    start = time.monotonic()
    result = against("iPAUSE 30\n", silent, dialogue_s=0.2)
    failed(result, 1, "not over after 0.2 s")
    assert time.monotonic() - start < 20


def test_what_came_unasked_is_in_the_transcript() -> None:
    result = against(ASK + "E112=X\n", answering)
    failed(result, 3, "expected X, received A")
    assert [event.line for event in result.events] == [1, 2, 3, 0]


def test_the_header_decides_how_to_compare() -> None:
    text = "# compare: {}\n" + ASK + "E8=FIX.4.4|35=0|112=A|34=2|\n"
    passed(against(text.format("relaxed"), answering, mode=Mode.STRICT))
    failed(against(text.format("strict"), answering), 4, "is expected in this place")


def test_the_peer_may_speak_after_we_have_closed() -> None:
    """Closing leaves the peer a moment, so that the next login finds it ready."""
    ended: list[float] = []

    async def reluctant(line: Line) -> None:
        await line.rest()
        await asyncio.sleep(0.2)
        ended.append(time.monotonic())

    async def main() -> float:
        async with acceptor(reluctant) as port:
            passed(await play(dialogue("iCONNECT\n"), port))
            return time.monotonic()

    after = asyncio.run(main())
    assert ended[0] <= after
