"""The gateway between its clients and a real shard: bytes, positions, restarts."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path
from typing import Any

import pytest

from engine.codes import CommandKind
from engine.host.host import ShardHost
from engine.journal import DurabilityLost
from engine.records import EVENT_BYTES, InstrumentCommand
from fixgw.net import serving as serving_module
from fixgw.net.gateway import TICK_S
from fixgw.net.links import ShardLink
from fixgw.net.serving import ExitCode, GatewaySetup, serve
from fixgw.orders.exchange import Exchange
from fixgw.orders.routing import ShardMap
from fixgw.orders.translate import order_command
from fixgw.session.reasons import DisconnectReason
from fixgw.store import Outbox
from fixgw.wire import Message, parse_message
from tests.net.exchange_in_process import Client, InProcess, run, until
from tests.sessions.conversation import ORDER, START, build, read, stamp

ALL = 1 << 40


def stored(x: InProcess, name: str = "BUYER") -> list[dict[int, str]]:
    """Every message of the session's current epoch, from the outbox."""
    numbers = x.outbox.numbers(x.hosted(name).key)
    rows, _ = x.outbox.read(x.hosted(name).key, 1, numbers.next_out, ALL)
    return [dict(read(row.data)) for row in rows]


def reports(x: InProcess, name: str = "BUYER") -> list[tuple[str, str]]:
    """ClOrdID(11) and ExecType(150) of every report of the session."""
    return [(m[11], m[150]) for m in stored(x, name) if m[35] == "8"]


# -- bytes -----------------------------------------------------------------------------


def framed(content: bytes, length: int | None = None) -> bytes:
    """A message whose checksum is right, and its length unless one is given."""
    size = len(content) if length is None else length
    head = b"8=FIX.4.4\x019=%d\x01" % size + content
    return head + b"10=%03d\x01" % (sum(head) % 256)


HEARTBEAT = b"35=0\x0134=2\x0149=BUYER\x0152=20260102-03:04:05\x0156=EXCHANGE\x01"

GARBAGE = {
    "checksum": framed(HEARTBEAT)[:-4] + b"999\x01",
    "length too short": framed(HEARTBEAT, 20),
    "length zero": framed(HEARTBEAT, 0),
    "length empty": b"8=FIX.4.4\x019=\x01" + HEARTBEAT + b"10=000\x01",
    "length negative": b"8=FIX.4.4\x019=-5\x01" + HEARTBEAT + b"10=000\x01",
    "length no number": b"8=FIX.4.4\x019=5a\x01" + HEARTBEAT + b"10=000\x01",
    "length huge": b"8=FIX.4.4\x019=99999999\x01" + HEARTBEAT + b"10=000\x01",
    "length of 20 digits": b"8=FIX.4.4\x019=" + b"1" * 20 + b"\x01" + HEARTBEAT,
    "third field is not 35": framed(b"34=2\x01" + HEARTBEAT),
    "no 35 at all": framed(b"34=2\x0149=BUYER\x01"),
    "checksum of two digits": framed(HEARTBEAT)[:-4] + b"12\x01",
    "checksum of letters": framed(HEARTBEAT)[:-4] + b"abc\x01",
    "field without a tag": framed(HEARTBEAT + b"=x\x01"),
    "field without a sign": framed(HEARTBEAT + b"junk\x01"),
    "tag of letters": framed(HEARTBEAT + b"abc=x\x01"),
    "words": b"hello, is anybody there?\x01",
    "line ends": b"\r\n\r\n",
    "nul bytes": bytes(50),
    "a web browser": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "only a beginning": b"8=FIX.4.4\x01",
    "a beginning and a length": b"8=FIX.4.4\x019=\x01",
    "the end of a message": b"58=x\x0110=123\x01",
}


async def drip(client: Client, data: bytes) -> None:
    """Every byte is read on its own: the gateway has a turn of the loop for each."""
    for place in range(len(data)):
        client.send(data[place : place + 1])
        for _ in range(3):
            await asyncio.sleep(0)


@pytest.mark.parametrize("chunks", ["at once", "byte by byte", "cut behind the 8"])
@pytest.mark.parametrize("kind", GARBAGE)
def test_the_good_message_behind_garbage_is_read(
    tmp_path: Path, kind: str, chunks: str
) -> None:
    async def conversation(x: InProcess) -> None:
        client = await x.client()
        data = GARBAGE[kind] + client.message("35=1|112=still there?")
        if chunks == "at once":
            client.send(data)
        elif chunks == "byte by byte":
            await drip(client, data)
        else:
            client.send(data[: len(GARBAGE[kind]) + 1])
            await asyncio.sleep(0.01)
            client.send(data[len(GARBAGE[kind]) + 1 :])
        await client.hear("35=0|34=2|112=still there?")
        assert x.hosted().session.numbers.next_in == 3

    run(tmp_path, conversation)


def test_a_length_too_long_takes_the_next_message_which_is_asked_for(
    tmp_path: Path,
) -> None:
    async def conversation(x: InProcess) -> None:
        client = await x.client()
        client.send(framed(HEARTBEAT, len(HEARTBEAT) + 60))
        client.next_out = 3
        client.say("35=1|112=lost")
        client.say("35=1|112=early")
        await client.hear("35=2|34=2|7=2|16=0")
        gap = f"43=Y|122={stamp(x.now())}"
        client.say(f"35=4|34=2|{gap}|36=3|123=Y")
        client.say(f"35=1|34=3|{gap}|112=lost")
        await client.hear("35=0|34=3|112=lost")
        await client.hear("35=0|34=4|112=early")

    run(tmp_path, conversation)


def test_two_orders_in_one_chunk(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        client = await x.client()
        client.order("A")
        client.order("B")
        await client.report("A")
        await client.report("B")

    run(tmp_path, conversation)


def test_the_logon_and_an_order_in_one_chunk(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        client = await x.connect()
        client.say("35=A|98=0|108=30")
        client.order("A")
        await client.hear("35=A|34=1|98=0|108=30")
        await client.report("A")

    run(tmp_path, conversation)


def test_an_order_byte_by_byte(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        client = await x.connect()
        when = stamp(x.now())
        data = client.message("35=A|98=0|108=30") + client.message(
            f"35=D|11=A|54=1|55=XYZ|60={when}|38=5|40=2|44=100"
        )
        await drip(client, data)
        await client.hear("35=A|34=1|98=0|108=30")
        await client.report("A")

    run(tmp_path, conversation)


# -- orders ----------------------------------------------------------------------------


def test_14m_a_limit_order_without_price(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        client = await x.client()
        client.say(f"35=D|{ORDER.replace('40=1', '40=2')}")
        await client.hear("35=j|34=2|45=2|58=*|372=D|379=A|380=5")

    run(tmp_path, conversation)


def test_19a_19b_poss_resend(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        client = await x.client()
        client.order("A")
        await client.report("A")
        client.order("A", "97=Y")
        await client.report("A", "I")  # as it is, and no second one
        client.order("B", "97=Y")
        await client.report("B")
        await client.silence()
        assert x.hosted().session.numbers.next_in == 5

    run(tmp_path, conversation)


def test_14l_a_shard_that_is_down_leaves_the_others_trading(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        buyer, seller = await x.client(), await x.client("SELLER")
        x.links[0].is_up = False
        buyer.order("A", symbol="ABC")
        await buyer.hear("35=j|34=2|45=2|58=*|372=D|379=A|380=4")
        buyer.order("B", symbol="XYZ")
        await buyer.report("B")
        seller.order("C", symbol="XYZ")
        await seller.report("C")
        x.links[0].is_up = True
        buyer.order("D", symbol="ABC")
        await buyer.report("D")

    run(tmp_path, conversation, shards=2)


# -- inbound positions -----------------------------------------------------------------


def test_a_position_is_stored_once_the_shard_has_the_command(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        client = await x.client()
        await until(lambda: x.stored_in() == 2)
        (service,) = x.services
        service.frozen = True
        client.order("A")
        client.say("35=1|112=x")  # counted behind it, and answered
        await client.hear("35=0|34=2|112=x")
        await until(lambda: service.held)
        assert x.hosted().session.numbers.next_in == 4
        assert x.stored_in() == 2
        service.thaw()
        await client.report("A")
        await until(lambda: x.stored_in() == 4)

    run(tmp_path, conversation)


def test_a_later_command_does_not_overtake_an_earlier_one(tmp_path: Path) -> None:
    """The position waits for the slowest shard, whatever the others have done."""

    async def conversation(x: InProcess) -> None:
        client = await x.client()
        x.services[0].frozen = True
        client.order("A", symbol="ABC")
        await until(lambda: x.services[0].held)
        client.order("B", symbol="XYZ")
        await client.report("B")
        await client.silence()
        assert x.stored_in() == 2
        x.services[0].thaw()
        await client.report("A")
        await until(lambda: x.stored_in() == 4)

    run(tmp_path, conversation, shards=2)


def test_commands_for_two_shards_in_one_chunk(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        client = await x.client()
        x.services[1].frozen = True
        when = stamp(x.now())
        body = f"54=1|60={when}|38=5|40=2|44=100"
        client.send(
            client.message(f"35=D|11=A|55=ABC|{body}")
            + client.message(f"35=D|11=B|55=XYZ|{body}")
            + client.message("35=0")
        )
        await client.report("A")
        assert x.stored_in() == 2
        x.services[1].thaw()
        await client.report("B")
        await until(lambda: x.stored_in() == 5)

    run(tmp_path, conversation, shards=2)


@pytest.mark.parametrize("chunks", ["one chunk", "two chunks"])
def test_a_reset_with_orders_in_flight(tmp_path: Path, chunks: str) -> None:
    """The order was taken in the old epoch; its report comes in the new one."""

    async def conversation(x: InProcess) -> None:
        client = await x.client()
        (service,) = x.services
        service.frozen = True
        client.order("A")
        if chunks == "two chunks":
            await until(lambda: service.held)
        client.next_out = 1
        answer = await client.log_on(extra="141=Y")
        assert answer[34] == "1"
        assert answer[141] == "Y"
        await until(lambda: service.held)
        service.thaw()
        assert (await client.report("A"))[34] == "2"
        client.say("35=1|112=x")
        await client.hear("35=0|34=3|112=x")
        await until(lambda: x.stored_in() == 3)
        client.order("B")  # number 3; the order of the old epoch was number 2
        await client.report("B")
        await until(lambda: x.stored_in() == 4)

    run(tmp_path, conversation)


@pytest.mark.parametrize("before", [0, 1])
def test_an_order_in_one_chunk_with_the_reset_before_it(
    tmp_path: Path, before: int
) -> None:
    """It is not processed before its shard has it, whatever the old epoch had."""

    async def conversation(x: InProcess) -> None:
        client = await x.client()
        (service,) = x.services
        service.frozen = True
        body = f"35=D|54=1|55=XYZ|60={stamp(x.now())}|38=5|40=2|44=100"
        data = b"".join(client.message(f"{body}|11=A") for _ in range(before))
        client.next_out = 1
        data += client.message("35=A|98=0|108=30|141=Y")
        client.send(data + client.message(f"{body}|11=B"))
        await client.hear("35=A|34=1|98=0|108=30|141=Y")
        await until(lambda: service.held)
        assert x.stored_in() == 2
        service.thaw()
        if before:
            await client.report("A")
        await client.report("B")
        await until(lambda: x.stored_in() == 3)

    run(tmp_path, conversation)


def test_the_same_number_in_a_new_epoch_is_a_new_order(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        client = await x.client()
        client.order("A")
        await client.report("A")
        client.next_out = 1
        await client.log_on(extra="141=Y")
        client.order("B")
        assert (await client.report("B"))[34] == "2"

    run(tmp_path, conversation)


# -- away ------------------------------------------------------------------------------


def test_16_what_happens_while_the_client_is_away(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        buyer, seller = await x.client(), await x.client("SELLER")
        buyer.order("A")
        await buyer.report("A")
        await buyer.close()
        await until(lambda: x.hosted().connection is None)
        when = stamp(x.now())
        seller.say(f"35=D|11=S|54=2|55=XYZ|60={when}|38=2|40=2|44=100")
        await seller.report("S")
        await seller.report("S", "F")
        buyer = await x.connect(next_out=3)
        assert (await buyer.log_on())[34] == "4"
        buyer.say("35=2|7=3|16=0")
        fill = await buyer.report("A", "F")
        assert (fill[34], fill[43]) == ("3", "Y")
        await buyer.hear("35=4|34=4|43=Y|122=*|36=5|123=Y")
        buyer.say("35=1|112=x")
        await buyer.hear("35=0|34=5|112=x")

    run(tmp_path, conversation)


@pytest.mark.parametrize("is_broken_off", [False, True])
def test_what_was_for_a_lost_connection_does_not_reach_the_next(
    tmp_path: Path, is_broken_off: bool
) -> None:
    """Both in one turn: our Logon comes first all the same, and no old end ends it."""

    async def conversation(x: InProcess) -> None:
        await x.client()
        lost: Any = x.hosted().connection
        client = await x.connect(next_out=2)
        await until(lambda: len(x.acceptor.connections) == 2)
        (server,) = x.acceptor.connections - {lost}
        x.send("BUYER", "35=B|148=x")
        if is_broken_off:
            reason = DisconnectReason.HEARTBEAT_TIMEOUT
            x.hosted().session.break_off(reason, "", x.clock())
        lost.connection_lost(None)
        server.data_received(client.message("35=A|98=0|108=30"))
        answer = dict(await client.next())
        assert (answer[35], answer[34]) == ("A", str(3 + is_broken_off))
        client.say("35=2|7=2|16=2")
        await client.hear("35=B|34=2|43=Y|122=*|148=x")
        lost._transport.abort()

    run(tmp_path, conversation)


# -- a gateway that dies ---------------------------------------------------------------


async def come_back(x: InProcess) -> None:
    """A new gateway on the old folder."""
    await asyncio.sleep(0.01)
    x.start_gateway()
    await x.listen()


async def resent(client: Client, begin: int, orders: dict[int, str]) -> None:
    """The client answers a ResendRequest: orders again, GapFills for the rest."""
    request = await client.hear(f"35=2|34=*|7={begin}|16=0")
    assert request[7] == str(begin)
    for seq in range(begin, client.next_out):
        when = stamp(client._clock())
        flags = f"34={seq}|43=Y|122={when}"
        if seq in orders:
            client.order(orders[seq], flags)
        else:
            client.say(f"35=4|{flags}|36={seq + 1}|123=Y")


def test_events_not_written_come_again(tmp_path: Path) -> None:
    """The gateway took them and died before it could write: nobody had seen them."""

    async def conversation(x: InProcess) -> None:
        client = await x.client()
        (service,) = x.services
        service.frozen = True
        client.order("A")
        client.order("B")
        await until(lambda: service.held)
        taken = x.outbox.taken(0)
        x.gateway._flush = lambda: None  # type: ignore[method-assign]
        service.thaw()
        await until(lambda: service.host.event_seq == taken + 2)
        x.kill_gateway()
        assert await client.closed() == b"", "a message left before it was stored"
        await come_back(x)
        assert x.outbox.taken(0) == taken + 2
        await asyncio.sleep(0)
        await until(lambda: reports(x) == [("A", "0"), ("B", "0")])
        client = await x.connect(next_out=4)
        assert (await client.log_on())[34] == "4"
        await resent(client, 2, {2: "A", 3: "B"})
        await until(lambda: x.stored_in() == 5)
        await client.silence()
        client.say("35=2|7=2|16=3")
        assert (await client.report("A"))[34] == "2"
        assert (await client.report("B"))[34] == "3"

    run(tmp_path, conversation)


def test_events_that_were_written_do_not_come_again(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        client = await x.client()
        client.order("A")
        await client.report("A")
        await until(lambda: x.stored_in() == 3)
        x.kill_gateway()
        await come_back(x)
        assert x.stored_in() == 3
        client = await x.connect(next_out=3)
        assert (await client.log_on())[34] == "3"
        client.order("B")
        await client.report("B")
        assert reports(x) == [("A", "0"), ("B", "0")]

    run(tmp_path, conversation)


def test_orders_that_never_reached_the_shard_are_asked_for(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        client = await x.client()
        (service,) = x.services
        service.frozen = True
        client.order("A")
        await until(lambda: service.held)
        x.kill_gateway()
        service.held.clear()
        service.frozen = False
        await come_back(x)
        client = await x.connect(next_out=3)
        await client.log_on()
        await resent(client, 2, {2: "A"})
        await client.report("A")
        await client.silence()
        await until(lambda: x.stored_in() == 4)

    run(tmp_path, conversation)


def test_orders_the_shard_has_are_asked_for_and_not_applied_again(
    tmp_path: Path,
) -> None:
    """The gateway died between the shard's commit and its own write."""

    async def conversation(x: InProcess) -> None:
        client = await x.client()
        (service,) = x.services
        x.links[0].deliver = lambda *_: None  # type: ignore[method-assign]
        events = service.host.event_seq
        client.order("A")
        await until(lambda: service.host.event_seq == events + 1)
        x.kill_gateway()
        await come_back(x)
        await until(lambda: reports(x) == [("A", "0")])
        assert x.stored_in() == 2
        client = await x.connect(next_out=3)
        await client.log_on()
        await resent(client, 2, {2: "A"})
        await until(lambda: x.stored_in() == 4)
        await client.silence()
        assert reports(x) == [("A", "0")]
        assert service.host.event_seq == events + 1

    run(tmp_path, conversation)


def test_sessions_go_on_with_their_numbers_after_a_death(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        client = await x.client()
        for _ in range(3):
            client.say("35=1|112=x")
            await client.next()
        client.next_out = 1
        await client.log_on(extra="141=Y")
        client.say("35=1|112=y")
        await client.next()
        await until(lambda: x.stored_in() == 3)
        x.kill_gateway()
        await come_back(x)
        numbers = x.hosted().session.numbers
        assert (numbers.next_in, numbers.next_out, numbers.epoch) == (3, 3, 2)

    run(tmp_path, conversation)


# -- errors and the end ----------------------------------------------------------------


def test_an_error_in_one_sessions_timer_does_not_stop_the_others(
    tmp_path: Path,
) -> None:
    async def conversation(x: InProcess) -> None:
        await x.client()
        seller = await x.client("SELLER", heart_bt_int_s=10)
        session: Any = x.hosted().session

        def fail(now_ns: int) -> None:
            raise RuntimeError("a bug")

        session.tick = fail
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        await asyncio.sleep(0.2)
        x.skip(10)
        await seller.hear("35=0|34=2")

    run(tmp_path, conversation)


def test_an_error_in_one_sessions_writing_loses_no_order_of_the_others(
    tmp_path: Path,
) -> None:
    def broken(data: bytes) -> None:
        raise RuntimeError("broken")

    async def conversation(x: InProcess) -> None:
        await x.client()
        seller = await x.client("SELLER")
        connection: Any = x.hosted().connection
        connection.write = broken
        x.send("BUYER", "35=B|148=x")
        (server,) = x.acceptor.connections - {connection}
        server.data_received(seller.message(f"35=D|{ORDER}"))
        await seller.next()
        assert reports(x, "SELLER")
        await x.disconnected(DisconnectReason.INTERNAL_ERROR)

    run(tmp_path, conversation)


def test_what_cannot_be_stored_is_never_written(tmp_path: Path) -> None:
    """Not later either, while the gateway ends: its number will be another message's
    after the restart."""

    def full(*_: object) -> None:
        raise DurabilityLost("no space left")

    async def conversation(x: InProcess) -> None:
        client = await x.client()
        log: Any = x.outbox._log
        log.append = full
        x.send("BUYER", "35=B|148=x")
        await until(lambda: x.fatal)
        client.say("35=1|112=x")
        await client.silence(3 * TICK_S)
        x.gateway.log_out_all("The gateway is shutting down")
        await client.silence(TICK_S)
        assert len(x.fatal) == 1
        x.fatal.clear()

    run(tmp_path, conversation)


def test_a_reset_after_the_clients_logout_ends_nothing_but_itself(
    tmp_path: Path,
) -> None:
    """No message of a client may be an error of ours."""

    async def conversation(x: InProcess) -> None:
        errors: list[dict[str, Any]] = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: errors.append(context))
        client = await x.client()
        client.say("35=5")
        await client.hear("35=5|34=2")
        client.next_out = 1
        client.say("35=A|98=0|108=30|141=Y")
        await client.close()
        await until(lambda: x.gateway.disconnects.total() == 1)
        assert not errors
        assert x.gateway.disconnects[DisconnectReason.INTERNAL_ERROR] == 0

    run(tmp_path, conversation)


def test_events_that_come_while_the_gateway_stops_are_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Taken and turned into messages are one: also in the last moment, when the links
    are being closed.
    """
    x = InProcess(tmp_path / "exchange", names=("BUYER",))
    key = x.settings.sessions[0].session_id.key
    host = ShardHost(0, tmp_path / "shard", x.clock)
    define = CommandKind.DEFINE_INSTRUMENT
    host.define([InstrumentCommand(define, symbol="XYZ", currency="EUR")])
    first = host.event_seq + 1
    head = {8: "FIX.4.4", 49: "BUYER", 56: "EXCHANGE", 52: stamp(START)}
    order = parse_message(build(f"35=D|34=2|{ORDER}", head))
    assert isinstance(order, Message)
    command = order_command(order, key, 1, 2, 0, x.clock())
    assert isinstance(command, bytes)
    events = host.process(command)
    host.close()
    for service in x.services:
        service.host.close()

    class LastWords(ShardLink):
        """A link whose shard still has something to say when it is closed."""

        def __init__(self, shard: int, sink: Any, *_: object) -> None:
            super().__init__(shard, sink)
            self.is_up = True
            self._sink.take_events(0, 1, first - 1, b"\x10" * EVENT_BYTES * (first - 1))

        async def close(self) -> None:
            count = len(events) // EVENT_BYTES
            self._sink.take_events(0, first, count, events)

    async def main() -> int:
        stop = asyncio.Event()
        stop.set()
        return await serve(
            GatewaySetup(
                0,
                tmp_path / "gateway",
                x.settings,
                {str(each.session_id): None for each in x.settings.sessions},
                lambda gateway: Exchange(ShardMap(1, {}), gateway),
                shard_sockets={0: tmp_path / "nowhere"},
            ),
            stop,
            lambda port: None,
        )

    monkeypatch.setattr(serving_module, "SocketLink", LastWords)
    try:
        assert asyncio.run(main()) == ExitCode.CLEAN
    finally:
        gc.unfreeze()
    outbox = Outbox(tmp_path / "gateway" / "outbox", 0)
    rows, _ = outbox.read(key, 1, 9, ALL)
    sent = [dict(read(row.data))[11] for row in rows]
    taken = outbox.taken(0)
    outbox.close()
    assert (taken < first) or sent, "the event is taken and its message is nowhere"
