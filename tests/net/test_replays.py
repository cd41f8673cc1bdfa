"""Replays of the gateway: a few at once, in their order, a slice a turn, and nobody
else's cost."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from fixgw.net import hosted as hosted_module
from fixgw.net import replays as replays_module
from fixgw.net.hosted import Hosted, Progress
from fixgw.session.policies import ResendOverflow
from fixgw.session.reasons import DisconnectReason
from fixgw.wire import finish
from tests.net.exchange_in_process import Client, InProcess, run, until
from tests.sessions.conversation import stamp

MANY = 200_000
"""Messages of the huge replay: a few seconds."""

MEMORY_BYTES_MAX = 8 * 1024 * 1024
"""What the huge replay may cost, with both ends in this process: a seventh of what it
sends."""

NUMBERS = re.compile(rb"\x0135=([^\x01]+)\x0134=(\d+)\x01(43=Y)?")


def fill(x: InProcess, name: str, count: int, text: str = "") -> None:
    """The session has sent so many reports, from 1 on, and is to be asked for them."""
    hosted = x.hosted(name)
    numbers = hosted.session.numbers
    when = stamp(x.now()).encode()
    tail = b"\x0149=EXCHANGE\x0152=%b\x0156=%b\x0137=A\x0158=%b\x01" % (
        when,
        name.encode(),
        (text or "x" * 200).encode(),
    )
    first = numbers.next_out
    for seq in range(first, first + count):
        data = finish(b"FIX.4.4", b"35=8\x0134=%d%b" % (seq, tail))
        x.outbox.add_message(hosted.key, seq, data, admin=False)
        if seq % 10_000 == 0:
            x.outbox.flush(x.clock())
    x.outbox.flush(x.clock())
    numbers.next_out = first + count


@pytest.fixture
def slices(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Progress]]:
    """Whose slice was done when, and what it came to."""
    noted: list[tuple[str, Progress]] = []
    original = Hosted.continue_replay

    def noting(self: Hosted, now_ns: int) -> Progress:
        progress = original(self, now_ns)
        noted.append((self.session.session_id.target_comp_id, progress))
        return progress

    monkeypatch.setattr(Hosted, "continue_replay", noting)
    return noted


class Stream:
    """Everything a client gets, by number, without keeping it."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.expected = 0
        self.again = 0
        self.live: list[bytes] = []
        self.bytes = 0
        self._rest = b""

    async def read(self) -> None:
        """What is there now, or as soon as something comes."""
        data = await asyncio.wait_for(self.client.reader.read(1 << 20), 20)
        assert data, "the connection was closed"
        self.bytes += len(data)
        # A message may be cut anywhere: what has no end yet waits.
        data = self._rest + data
        cut = data.rfind(b"\x0110=")
        self._rest = data[cut:]
        for kind, seq, again in NUMBERS.findall(data[:cut]):
            if not again:
                self.live.append(kind)
                continue
            assert not self.expected or int(seq) == self.expected
            self.expected = int(seq) + 1
            self.again += 1

    async def until(self, condition: Callable[[], bool]) -> None:
        """Read until something holds."""
        while not condition():
            await self.read()


def memory() -> int:
    """Bytes of this process in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def test_t7_t10_a_huge_replay_costs_little_memory_and_nobody_elses_time(
    tmp_path: Path, slices: list[tuple[str, Progress]]
) -> None:
    async def conversation(x: InProcess) -> None:
        fill(x, "BUYER", MANY)
        greedy = await x.client("BUYER")
        trader = await x.client("SELLER")
        stream = Stream(greedy)
        before = memory()
        peak = before
        greedy.say("35=2|7=1|16=0")
        reading = asyncio.create_task(stream.until(lambda: stream.again >= MANY))
        await until(lambda: slices)
        waited: list[int] = []
        while not reading.done():
            begun, number = len(slices), len(waited)
            trader.order(f"N{number}")
            await trader.report(f"N{number}")
            waited.append(len(slices) - begun)
            peak = max(peak, memory())
            await asyncio.sleep(0.001)
        await reading
        assert len(waited) > 10
        # Some turns of an order are those of its client and its shard alone.
        assert max(waited) <= 8, f"slices before a report: {waited}"
        assert peak - before < MEMORY_BYTES_MAX
        assert stream.bytes > 7 * MEMORY_BYTES_MAX
        # The GapFill over its Logon, which came after the stored messages.
        await stream.until(lambda: stream.again == MANY + 1)
        assert x.gateway.figures.messages_resent == MANY

    run(tmp_path, conversation)


def done(slices: list[tuple[str, Progress]]) -> list[str]:
    """Whose slices wrote something, in order."""
    return [name for name, progress in slices if progress is Progress.MORE]


async def hear_all(client: Client, first: int, last: int) -> None:
    """These messages again, and nothing else."""
    for seq in range(first, last + 1):
        await client.hear(f"35=8|34={seq}|43=Y|122=*|37=A|58=*")


def test_only_so_many_replays_at_once(
    tmp_path: Path,
    slices: list[tuple[str, Progress]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two run, turn by turn; the others begin when one has ended, in their order."""
    monkeypatch.setattr(hosted_module, "REPLAY_SLICE_BYTES", 1)
    names = ("C1", "C2", "C3", "C4", "C5")

    async def conversation(x: InProcess) -> None:
        replays = x.gateway.replays
        replays.at_once = 0
        clients = []
        for name in names:
            fill(x, name, 100)
            clients.append(await x.client(name))
        for number, client in enumerate(clients):
            client.say("35=2|7=1|16=100")
            await until(partial(replays.has, x.hosted(names[number])))
        replays.at_once = 2
        await until(lambda: replays.running)
        totals = x.gateway.totals()
        assert (totals.replays_running, totals.replays_waiting) == (2, 3)
        for client in clients:
            await hear_all(client, 1, 100)
        await until(lambda: replays.running + replays.waiting == 0)

    run(tmp_path, conversation, names=names)
    order = done(slices)
    assert [order.count(name) for name in names] == [100] * 5
    first = [order.index(name) for name in names]
    last = [len(order) - 1 - order[::-1].index(name) for name in names]
    assert first == sorted(first), "they begin in the order in which they asked"
    for number in range(2, 5):
        ended = sum(last[other] < first[number] for other in range(number))
        assert ended >= number - 1, "one begins when another has ended"


def test_a_huge_replay_gives_up_its_place_now_and_then(
    tmp_path: Path,
    slices: list[tuple[str, Progress]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While another waits: its client would hear nothing until the end."""
    monkeypatch.setattr(hosted_module, "REPLAY_SLICE_BYTES", 1)
    monkeypatch.setattr(replays_module, "PLACE_SLICES_MAX", 10)

    async def conversation(x: InProcess) -> None:
        x.gateway.replays.at_once = 1
        for name in ("BUYER", "SELLER"):
            fill(x, name, 200)
        huge, small = await x.client("BUYER"), await x.client("SELLER")
        huge.say("35=2|7=1|16=200")
        await until(lambda: x.gateway.replays.running)
        small.say("35=2|7=1|16=15")
        await hear_all(small, 1, 15)
        await hear_all(huge, 1, 200)
        await until(lambda: x.gateway.replays.running == 0)

    run(tmp_path, conversation)
    order = done(slices)
    first, last = order.index("SELLER"), len(order) - order[::-1].index("SELLER")
    assert order[first:last] == ["SELLER"] * 10 + ["BUYER"] * 10 + ["SELLER"] * 5
    assert order.count("BUYER") == 200


def test_a_slow_client_pauses_only_its_own_replay(tmp_path: Path) -> None:
    """Even with one place for all."""
    count = 50_000

    async def conversation(x: InProcess) -> None:
        x.gateway.replays.at_once = 1
        for name in ("BUYER", "SELLER"):
            fill(x, name, count)
        slow, quick = await x.client("BUYER"), await x.client("SELLER")
        transport: Any = slow.writer.transport
        transport.pause_reading()
        slow.say(f"35=2|7=1|16={count}")
        await until(lambda: x.hosted("BUYER").bytes_out > 200_000)
        await until(lambda: x.gateway.replays.running == 0)
        stream = Stream(quick)
        quick.say(f"35=2|7=1|16={count}")
        await stream.until(lambda: stream.again == count)
        assert x.hosted("BUYER").session.condition.replaying
        assert x.hosted("BUYER").bytes_out < x.hosted("SELLER").bytes_out / 2
        transport.resume_reading()
        stream = Stream(slow)
        await stream.until(lambda: stream.again == count)
        await until(lambda: not x.hosted("BUYER").session.condition.replaying)

    run(tmp_path, conversation)


def test_a_replay_alone_makes_nobody_a_slow_consumer(tmp_path: Path) -> None:
    """However little may be unread: it pauses before."""
    count = 40_000

    async def conversation(x: InProcess) -> None:
        fill(x, "BUYER", count)
        client = await x.client("BUYER")
        transport: Any = client.writer.transport
        transport.pause_reading()
        client.say(f"35=2|7=1|16={count}")
        await until(lambda: x.hosted().bytes_out > 100_000)
        await until(lambda: x.gateway.replays.running == 0)
        transport.resume_reading()
        stream = Stream(client)
        await stream.until(lambda: stream.again == count)

    run(tmp_path, conversation, slow_consumer_bytes_max=65_536)


def test_a_replay_goes_on_however_busy_it_is(tmp_path: Path) -> None:
    """Another session has something to do in every single turn."""

    async def conversation(x: InProcess) -> None:
        fill(x, "BUYER", 5_000)
        client = await x.client("BUYER")
        busy = x.hosted("SELLER")
        stream = Stream(client)
        client.say("35=2|7=1|16=5000")
        reading = asyncio.create_task(stream.until(lambda: stream.again == 5_000))
        while not reading.done():
            x.gateway.touch(busy)
            await asyncio.sleep(0)
        await reading

    run(tmp_path, conversation)


def test_a_lost_connection_frees_the_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosted_module, "REPLAY_SLICE_BYTES", 1)

    async def conversation(x: InProcess) -> None:
        x.gateway.replays.at_once = 1
        for name in ("BUYER", "SELLER"):
            fill(x, name, 1_000)
        first, second = await x.client("BUYER"), await x.client("SELLER")
        first.say("35=2|7=1|16=0")
        await until(lambda: x.gateway.replays.running)
        second.say("35=2|7=1|16=3")
        await until(lambda: x.gateway.replays.waiting)
        await first.close()
        await hear_all(second, 1, 3)
        await until(lambda: x.gateway.replays.running == 0)

    run(tmp_path, conversation)


def test_a_damaged_store_ends_the_session_that_asks_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def conversation(x: InProcess) -> None:
        for name in ("BUYER", "SELLER"):
            fill(x, name, 10)
        hosted = x.hosted("BUYER")
        x.outbox.add_message(hosted.key, 11, b"this is no message", admin=False)
        x.outbox.flush(x.clock())
        hosted.session.numbers.next_out = 12
        first, second = await x.client("BUYER"), await x.client("SELLER")
        first.say("35=2|7=1|16=0")
        await first.closed()
        second.say("35=2|7=1|16=10")
        await hear_all(second, 1, 10)
        await x.disconnected(DisconnectReason.INTERNAL_ERROR)
        assert x.gateway.replays.running == 0

    run(tmp_path, conversation)


def test_live_messages_between_replayed_ones(tmp_path: Path) -> None:
    """InterleaveLiveMessages: the client waits for a fill no longer than for a
    slice."""

    async def conversation(x: InProcess) -> None:
        fill(x, "BUYER", 20_000)
        client = await x.client("BUYER")
        stream = Stream(client)
        client.say("35=2|7=1|16=0")
        await stream.until(lambda: stream.again > 100)
        x.send("BUYER", "35=8|37=LIVE")
        await stream.until(lambda: bool(stream.live))
        assert stream.live == [b"8"]
        assert stream.again < 20_000
        await stream.until(lambda: stream.again == 20_001)

    run(tmp_path, conversation, interleave_live_messages=True)


# -- t9: storms ------------------------------------------------------------------------


def storm(client: Client, count: int, begin: Callable[[int], int]) -> None:
    """So many requests in one write."""
    requests = [client.message(f"35=2|7={begin(n)}|16=0") for n in range(count)]
    client.send(b"".join(requests))


async def trades(trader: Client, count: int) -> None:
    """Orders that are reported."""
    for number in range(count):
        trader.order(f"T{number}")
        await trader.report(f"T{number}")


@pytest.mark.parametrize("alike", [True, False])
def test_t9_a_storm_of_requests_is_no_storm_of_answers(
    tmp_path: Path, alike: bool
) -> None:
    """A thousand requests for everything: the few that may wait are served."""

    async def conversation(x: InProcess) -> None:
        fill(x, "BUYER", 2_000)
        greedy, trader = await x.client("BUYER"), await x.client("SELLER")
        storm(greedy, 1_000, lambda n: 1 if alike else 1 + n)
        stream = _Unordered(greedy)
        reading = asyncio.create_task(stream.until_quiet(x))
        await trades(trader, 50)
        await reading
        served = 1 if alike else 5
        assert x.gateway.figures.messages_resent <= served * 2_000
        assert x.gateway.figures.resends_refused == 1_000 - served
        assert x.hosted("BUYER").session.is_logged_on

    run(tmp_path, conversation)


def test_t9_a_storm_ends_the_session_if_the_policy_says_so(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        fill(x, "BUYER", 2_000)
        greedy, trader = await x.client("BUYER"), await x.client("SELLER")
        storm(greedy, 300, lambda n: 1 + n)
        await trades(trader, 20)
        said = await greedy.closed()
        assert b"58=Too many ResendRequests" in said
        await x.disconnected(DisconnectReason.RESEND_LIMIT)
        assert x.gateway.figures.resends_refused == 1

    run(
        tmp_path,
        conversation,
        resend_requests_per_minute_max=3,
        resend_overflow=ResendOverflow.LOGOUT,
    )


class _Unordered(Stream):
    """Of several replays, one after the other."""

    async def read(self) -> None:
        self.expected = 0
        await self.client.reader.read(1 << 20)

    async def until_quiet(self, x: InProcess) -> None:
        """Read until no replay is left."""
        await self.read()
        while x.hosted("BUYER").session.condition.replaying:
            await self.read()
