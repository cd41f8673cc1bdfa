"""Playing the server: clients come over real sockets."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from fixgw.certify.door import Door
from fixgw.certify.player import Player
from fixgw.certify.runner import Run, run
from fixgw.certify.situation import Situation
from fixgw.certify.transcript import Outcome, Result
from tests.certify.fakes import Line, dialogue
from tests.net.certificates import Authority

Client = Callable[[int], Awaitable[None]]

LOGON = "8=FIX.4.4|35=A|34={}|49=C|56=S|98=0|108=30|"


async def connect(port: int) -> Line:
    return Line(*await asyncio.open_connection("127.0.0.1", port))


def serve(client: Client, *texts: str, connect_s: float = 2.0) -> Run:
    """Play scripts as the server, with a client beside them."""
    items = [dialogue(text, name=f"{n}") for n, text in enumerate(texts)]

    async def main() -> Run:
        door = Door("127.0.0.1", 0)
        await door.open()
        situation = Situation(
            "127.0.0.1", door.port, wait_s=2.0, door=door, connect_s=connect_s
        )
        try:
            task = asyncio.create_task(client(door.port))
            done = await run(items, situation)
            await task
            return done
        finally:
            await door.shut()

    return asyncio.run(main())


def reasons(done: Run) -> list[str]:
    return [result.reason for result in done.results]


ANSWER = """
    eCONNECT
    E35=A|34=<SET:n>|49=<SET:client>|56=<SET:server>
    I8=FIX.4.4|35=A|34=<NEXT:run_out>|49=<GET:server>|56=<GET:client>|98=0|108=30|
    """


def test_a_logon_is_answered() -> None:
    answers: list[bytes] = []

    async def client(port: int) -> None:
        for number in (1, 2):
            line = await connect(port)
            await line.say(LOGON.format(number))
            answers.append(await line.read())
            await line.rest()
            line.writer.close()

    done = serve(client, ANSWER, ANSWER)
    assert reasons(done) == ["", ""]
    # Our numbers go on from dialogue to dialogue.
    assert [answer.split(b"\x01")[3] for answer in answers] == [b"34=1", b"34=2"]


def test_nobody_comes() -> None:
    async def client(port: int) -> None:
        pass

    assert reasons(serve(client, "eCONNECT\n", connect_s=0.1)) == [
        "no client has connected within 0.1 s"
    ]


def test_one_who_has_left_is_passed_over() -> None:
    async def client(port: int) -> None:
        line = await connect(port)
        line.writer.close()
        await line.writer.wait_closed()
        await asyncio.sleep(0.1)
        line = await connect(port)
        await line.say(LOGON.format(1))
        await line.rest()
        line.writer.close()

    assert reasons(serve(client, "iPAUSE 0.2\neCONNECT\nE35=A\n")) == [""]


def test_the_port_is_shut_for_a_while() -> None:
    refused: list[bool] = []

    async def client(port: int) -> None:
        await asyncio.sleep(0.1)
        for _ in range(100):
            try:
                line = await connect(port)
            except ConnectionRefusedError:
                refused.append(True)
                await asyncio.sleep(0.02)
                continue
            await line.rest()
            line.writer.close()
            break

    text = "iDEAF\niPAUSE 1.0\niLISTEN\neCONNECT\niDISCONNECT\n"
    assert reasons(serve(client, text)) == [""]
    assert refused


def test_a_client_that_hammers() -> None:
    async def client(port: int) -> None:
        line = await connect(port)
        with pytest.raises(ConnectionResetError):
            await line.rest()
        line.writer.close()

    text = "eWITHIN 0.5..5\neCONNECT\n"
    assert reasons(serve(client, text)) == [
        "a client has connected before 0.5 s were over"
    ]


def test_scripts_for_clients_are_skipped() -> None:
    async def client(port: int) -> None:
        pass

    done = serve(client, "iCONNECT\n")
    assert [result.outcome for result in done.results] == [Outcome.SKIPPED]


def test_faults_on_the_wire() -> None:
    """What a client is to be tested with arrives as written."""
    came: list[bytes] = []

    async def client(port: int) -> None:
        line = await connect(port)
        came.append(await line.rest())
        line.writer.close()

    text = """
        eCONNECT
        I8=FIX.4.4|35=0|34=9|49=S|56=C|10=256|
        I8=FIX.4.4|9=4|35=0|34=9|49=S|56=C|
        I8=FIX.4.4|35=5|34=1|49=S|56=C|58=MsgSeqNum too low|789=7|
        iPIECES 1
        I8=FIX.4.4|35=0|34=1|43=Y|49=X|52=<TIME-3600>|56=C|
        """
    assert reasons(serve(client, text)) == [""]
    messages = came[0].split(b"8=FIX.4.4\x01")[1:]
    assert len(messages) == 4
    assert messages[0].endswith(b"\x0110=256\x01")
    assert messages[1].startswith(b"9=4\x01")
    assert b"\x01789=7\x01" in messages[2]
    assert b"\x0149=X\x01" in messages[3]


CALLER = """
    iCONNECT
    I8=FIX.4.4|35=A|34=1|49=C|56=S|98=0|108=30|
    E35=A|49=S|56=C
    iDISCONNECT
    """


def over_tls(
    server: ssl.SSLContext, client: ssl.SSLContext, name: str
) -> tuple[Result, Result]:
    """The two sides of a Logon, both played by us."""

    async def main() -> tuple[Result, Result]:
        door = Door("127.0.0.1", 0, server)
        await door.open()
        here = Situation("127.0.0.1", door.port, wait_s=2.0, tls=client, tls_name=name)
        there = Situation(
            "127.0.0.1", door.port, wait_s=2.0, door=door, connect_s=1.0, tls=server
        )
        try:
            return await asyncio.gather(
                Player(dialogue(CALLER), here).play(),
                Player(dialogue(ANSWER), there).play(),
            )
        finally:
            await door.shut()

    return asyncio.run(main())


def test_tls_with_certificates(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    server = ssl.create_default_context(
        ssl.Purpose.CLIENT_AUTH, cafile=str(authority.ca)
    )
    server.load_cert_chain(authority.server())
    server.verify_mode = ssl.CERT_REQUIRED
    known = authority.client(authority.issue("member"))
    results = over_tls(server, known, "localhost")
    assert [result.reason for result in results] == ["", ""]
    unknown = authority.client()
    caller, _ = over_tls(server, unknown, "localhost")
    assert caller.outcome is Outcome.FAILED
    caller, _ = over_tls(server, known, "another.example")
    assert "certificate verify failed" in caller.reason
