"""What an operator does to sessions: at once, for certain, and nothing by half."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.journal import DurabilityLost
from fixgw.net import connection as connection_module
from fixgw.net import sessioncommands as module
from fixgw.session.identity import SessionId
from fixgw.session.numbers import MSG_SEQ_NUM_MAX
from fixgw.session.reasons import DisconnectReason
from fixgw.session.tables import State
from fixgw.store import Outbox
from fixgw.store.disabled import DisabledSessions
from tests.net.exchange_in_process import Client, InProcess, run, until
from tests.sessions.conversation import stamp

ID = "FIX.4.4:EXCHANGE->BUYER"
BASE = {"session": ID, "name": "BUYER"}


def numbers(x: InProcess, name: str = "BUYER") -> tuple[int, int, int]:
    found = x.hosted(name).session.numbers
    return found.next_in, found.next_out, found.epoch


def on_disk(x: InProcess, name: str = "BUYER") -> tuple[int, int, int]:
    """The same as another process would find it now."""
    outbox = Outbox(x.folder / "outbox", 0)
    found = outbox.numbers(x.hosted(name).key)
    outbox.close()
    return found.next_in, found.next_out, found.epoch


async def restarted(x: InProcess) -> None:
    """The gateway dies and comes back."""
    x.kill_gateway()
    await asyncio.sleep(0)
    x.start_gateway()
    await x.listen()


async def asked(x: InProcess, command: str, **arguments: Any) -> asyncio.Task[Any]:
    """A command that waits for something; it has begun."""
    task = asyncio.create_task(x.ask(command, **arguments))
    await asyncio.sleep(0)
    return task


async def left(x: InProcess, client: Client, name: str = "BUYER") -> None:
    """The client leaves without a word, and the gateway knows."""
    await client.close()
    await until(lambda: x.hosted(name).connection is None)


# -- logout ----------------------------------------------------------------------------


def test_a_logout_says_its_text_and_tells_how_it_ended(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        client = await x.client()
        command = await asked(x, "sessions.logout", session="buyer", text="bye now")
        await client.hear("35=5|34=2|58=bye now")
        assert not command.done()
        client.say("35=5")
        assert await client.closed() == b""
        assert await command == {
            **BASE,
            "changed": True,
            "message": "is logged out: both sides have sent their Logout",
            "reason": "LOGOUT_COMPLETE",
        }
        assert x.hosted().session.state is State.DISCONNECTED
        again = await x.connect(next_out=3)
        await again.log_on()

    run(tmp_path, conversation)


def test_a_logout_that_is_not_answered(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        client = await x.client()
        command = await asked(x, "sessions.logout", session=ID)
        await client.hear("35=5|34=2")
        x.skip(2)
        answer = await command
        assert answer["reason"] == "LOGOUT_TIMEOUT"
        said = "is logged out: the Logout was not answered in time"
        assert answer["message"] == said

    run(tmp_path, conversation)


def test_a_client_that_leaves_instead_of_answering(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        client = await x.client()
        command = await asked(x, "sessions.logout", session="BUYER")
        await client.hear("35=5|34=2")
        await client.close()
        assert (await command)["reason"] == "PEER_CLOSED"

    run(tmp_path, conversation)


async def replaying(x: InProcess, monkeypatch: pytest.MonkeyPatch) -> Client:
    """A replay of 2 to 4 stands still, as if the client did not read; 5 is held
    back."""
    client = await x.client()
    for number in (2, 3, 4):
        x.send("BUYER", f"35=B|148={number}")
        await client.next()
    monkeypatch.setattr(connection_module, "REPLAY_BUFFER_BYTES", 0)
    client.say("35=2|7=2|16=0")
    await until(lambda: x.hosted().session.condition.replaying)
    x.send("BUYER", "35=B|148=5")
    return client


def test_a_logout_lets_a_replay_end_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the replay holds back comes before the Logout, all in their order."""

    async def conversation(x: InProcess) -> None:
        client = await replaying(x, monkeypatch)
        command = await asked(x, "sessions.logout", session="BUYER", text="bye")
        await client.silence()
        assert x.hosted().session.state is State.ACTIVE
        monkeypatch.undo()
        x.gateway.touch(x.hosted())
        for number in (2, 3, 4):
            await client.hear(f"35=B|34={number}|43=Y|122=*|148={number}")
        await client.hear("35=B|34=5|148=5")
        await client.hear("35=5|34=6|58=bye")
        client.say("35=5")
        assert (await command)["reason"] == "LOGOUT_COMPLETE"

    run(tmp_path, conversation)


def test_a_replay_that_does_not_end_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REPLAY_PATIENCE_S", 0.05)

    async def conversation(x: InProcess) -> None:
        client = await replaying(x, monkeypatch)
        command = await asked(x, "sessions.logout", session="BUYER")
        await client.hear("35=5|34=6")
        client.say("35=5")
        assert (await command)["changed"]

    run(tmp_path, conversation)


def test_a_logout_of_a_session_that_is_logging_out_waits_for_its_end(
    tmp_path: Path,
) -> None:
    async def conversation(x: InProcess) -> None:
        client = await x.client()
        client.say("35=5")
        await client.hear("35=5|34=2")
        command = await asked(x, "sessions.logout", session="BUYER", text="bye")
        second = await asked(x, "sessions.logout", session="BUYER")
        await client.silence()
        await client.close()
        assert (await command)["reason"] == "LOGOUT_COMPLETE"
        assert (await second)["reason"] == "LOGOUT_COMPLETE"

    run(tmp_path, conversation)


def test_a_connection_that_does_not_end_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "END_S_MAX", 0.05)

    async def conversation(x: InProcess) -> None:
        client = await x.client()
        assert await x.refused("sessions.logout", session="BUYER") == (
            "TIMEOUT",
            "BUYER is still connected after 0.05 s: 'fixgw sessions disconnect BUYER' "
            "cuts it",
        )
        await client.hear("35=5|34=2")
        answer = await x.ask("sessions.disconnect", session="BUYER")
        assert answer["reason"] == "OPERATOR_DISCONNECT"

    run(tmp_path, conversation)


# -- disconnect ------------------------------------------------------------------------


def test_a_disconnect_is_at_once_and_nothing_is_lost(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        client = await x.client()
        client.order("A")
        await client.report("A")
        assert await x.ask("sessions.disconnect", session="BUYER") == {
            **BASE,
            "changed": True,
            "message": "is disconnected",
            "reason": "OPERATOR_DISCONNECT",
        }
        assert x.hosted().session.state is State.DISCONNECTED
        assert await client.closed() == b""
        x.send("BUYER", "35=B|148=news")
        again = await x.connect(next_out=3)
        again.say("35=A|98=0|108=30")
        await again.hear("35=A|34=4|98=0|108=30")
        again.say("35=2|7=2|16=0")
        await again.report("A")
        await again.hear("35=B|34=3|43=Y|122=*|148=news")
        await again.hear("35=4|34=4|43=Y|122=*|36=5|123=Y")

    run(tmp_path, conversation)


def test_a_client_that_reads_nothing_is_cut_as_well(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        await x.client()
        for _ in range(15):
            x.send("BUYER", f"35=B|148={'x' * 300_000}")
        connection: Any = x.hosted().connection
        await until(lambda: connection.unsent > 0)
        answer = await x.ask("sessions.disconnect", session="BUYER")
        assert answer["reason"] == "OPERATOR_DISCONNECT"

    run(tmp_path, conversation)


@pytest.mark.parametrize(
    ("command", "message"),
    [("logout", "is not logged on"), ("disconnect", "is not connected")],
)
def test_nothing_to_end_is_no_error(tmp_path: Path, command: str, message: str) -> None:
    async def conversation(x: InProcess) -> None:
        answer = await x.ask(f"sessions.{command}", session="BUYER")
        assert answer == {**BASE, "changed": False, "message": message}

    run(tmp_path, conversation)


# -- disable and enable ----------------------------------------------------------------


def test_a_disabled_session_is_logged_out_and_kept_out(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        client, other = await x.client(), await x.client("SELLER")
        command = await asked(x, "sessions.disable", session="BUYER", text="margin")
        await client.hear("35=5|34=2|58=margin")
        client.say("35=5")
        assert await command == {
            **BASE,
            "changed": True,
            "message": "is disabled and logged out: both sides have sent their Logout",
            "reason": "LOGOUT_COMPLETE",
        }
        before = numbers(x)
        for times in (1, 2):
            again = await x.connect(next_out=3)
            again.say("35=A|98=0|108=30")
            assert await again.closed() == b"", "a word would have used up a number"
            await x.disconnected(DisconnectReason.SESSION_DISABLED, times)
        assert numbers(x) == before
        other.say("35=1|112=alive")
        await other.hear("35=0|34=2|112=alive")
        await restarted(x)
        again = await x.connect(next_out=3)
        again.say("35=A|98=0|108=30")
        assert await again.closed() == b""
        answer = await x.ask("sessions.enable", session="BUYER")
        assert answer == {**BASE, "changed": True, "message": "is enabled"}
        again = await x.connect(next_out=3)
        again.say("35=A|98=0|108=30")
        await again.hear("35=A|34=3|98=0|108=30")
        await restarted(x)
        assert x.hosted().enabled

    run(tmp_path, conversation)


def test_disabled_and_enabled_twice(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        answer = await x.ask("sessions.enable", session="BUYER")
        assert answer == {**BASE, "changed": False, "message": "is enabled already"}
        answer = await x.ask("sessions.disable", session="BUYER", text="why")
        assert answer == {**BASE, "changed": True, "message": "is disabled"}
        answer = await x.ask("sessions.disable", session="BUYER")
        assert answer == {**BASE, "changed": False, "message": "is disabled already"}
        shown = await x.ask("sessions.show", session="BUYER")
        assert shown["disabled_text"] == "why"

    run(tmp_path, conversation)


def test_several_at_once_are_all_in_the_file(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        names = [f"C{number}" for number in range(20)]
        await asyncio.gather(
            *(x.ask("sessions.disable", session=name) for name in names)
        )
        found = json.loads((tmp_path / "disabled.json").read_text())["disabled"]
        assert set(found) == {f"FIX.4.4:EXCHANGE->{name}" for name in names}

    run(tmp_path, conversation, names=tuple(f"C{number}" for number in range(21)))


def test_a_session_that_cannot_be_noted_as_disabled_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    async def conversation(x: InProcess) -> None:
        client = await x.client()
        monkeypatch.setattr(type(x.disabled), "_store", fail)
        code, message = await x.refused("sessions.disable", session="BUYER")
        assert code == "UNAVAILABLE"
        assert message.startswith("nothing was changed: [Errno 28] No space left")
        assert x.hosted().enabled
        client.say("35=1|112=alive")
        await client.hear("35=0|34=2|112=alive")

    run(tmp_path, conversation)


# -- reset -----------------------------------------------------------------------------


def test_a_reset_is_on_disk_when_it_is_answered(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        client = await x.client()
        client.order("A")
        await client.report("A")
        await left(x, client)
        x.send("BUYER", "35=B|148=news")
        assert await x.ask("sessions.reset", session="BUYER") == {
            **BASE,
            "changed": True,
            "message": "begins at 1 in both directions, in epoch 2; 1 stored messages "
            "it was never sent are gone",
            "before": {"next_in": 3, "next_out": 4},
            "epoch": 2,
            "dropped": 1,
        }
        assert numbers(x) == on_disk(x) == (1, 1, 2)
        again = await x.client()
        again.order("B")
        await again.report("B")
        assert numbers(x) == (3, 3, 2)

    run(tmp_path, conversation)


def test_a_reset_logs_out_first_and_lets_nobody_in_meanwhile(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        client = await x.client()
        x.services[0].frozen = True
        client.order("A")
        await until(lambda: numbers(x)[0] == 3)
        command = await asked(x, "sessions.reset", session="BUYER", text="reset")
        await client.hear("35=5|34=2|58=reset")
        client.say("35=5")
        assert await client.closed() == b""
        early = await x.connect(next_out=4)
        early.say("35=A|98=0|108=30")
        assert await early.closed() == b"", "the order waits for its shard"
        assert x.hosted().refused == 1
        x.services[0].thaw()
        assert "in epoch 2" in (await command)["message"]
        assert numbers(x) == on_disk(x) == (1, 1, 2)
        again = await x.client()
        again.say("35=1|112=x")
        await again.hear("35=0|34=2|112=x")

    run(tmp_path, conversation)


def test_a_client_that_resets_after_a_reset(tmp_path: Path) -> None:
    """Its own ResetSeqNumFlag brings both in step, whatever came before."""

    async def conversation(x: InProcess) -> None:
        client = await x.client()
        client.order("A")
        await client.report("A")
        await left(x, client)
        await x.ask("sessions.reset", session="BUYER")
        again = await x.connect()
        again.say("35=A|98=0|108=30|141=Y")
        await again.hear("35=A|34=1|98=0|108=30|141=Y")
        again.order("B")
        await again.report("B")
        assert numbers(x) == (3, 3, 3)

    run(tmp_path, conversation)


def test_orders_that_wait_for_a_shard_keep_the_numbers_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their position is not yet stored: after a reset nobody would ask for them."""
    monkeypatch.setattr(module, "CONFIRM_PATIENCE_S", 0.05)

    async def conversation(x: InProcess) -> None:
        client = await x.client()
        x.services[0].frozen = True
        client.order("A")
        client.order("B")
        await until(lambda: numbers(x)[0] == 4)
        await left(x, client)
        for command, more in (
            ("reset", {}),
            ("set_next_in", {"number": 9}),
        ):
            said = await x.refused(f"sessions.{command}", session="BUYER", **more)
            assert said == (
                "CONFLICT",
                "BUYER: its last 2 messages wait for shard 0, and its numbers stay as "
                "they are until these are processed: 'fixgw status' says why the shard "
                "does not answer",
            )
        assert numbers(x) == (4, 2, 1)
        assert on_disk(x) == (2, 2, 1)
        monkeypatch.setattr(module, "CONFIRM_PATIENCE_S", 20)
        x.services[0].thaw()
        command_ = await asked(x, "sessions.reset", session="BUYER")
        assert (await command_)["before"] == {"next_in": 4, "next_out": 4}
        assert on_disk(x) == (1, 1, 2)
        # Both orders were taken once, and are open.
        assert x.services[0].host.shard.open_orders == 2

    run(tmp_path, conversation)


def test_a_reset_waits_for_the_shard(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        client = await x.client()
        x.services[0].frozen = True
        client.order("A")
        await until(lambda: numbers(x)[0] == 3)
        await left(x, client)
        command = await asked(x, "sessions.reset", session="BUYER")
        await asyncio.sleep(0.05)
        assert not command.done()
        x.services[0].thaw()
        assert (await command)["epoch"] == 2
        assert x.services[0].host.shard.open_orders == 1

    run(tmp_path, conversation)


def test_one_command_at_a_time_sets_numbers(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        client = await x.client()
        command = await asked(x, "sessions.reset", session="BUYER")
        await client.hear("35=5|34=2")
        for name, more in (
            ("reset", {}),
            ("set_next_in", {"number": 9}),
            ("set_next_out", {"number": 9}),
        ):
            assert await x.refused(f"sessions.{name}", session="BUYER", **more) == (
                "CONFLICT",
                "BUYER: reset is under way: try again when it has ended",
            )
        client.say("35=5")
        assert (await command)["changed"]
        assert x.hosted().at_work == ""

    run(tmp_path, conversation)


def test_a_command_that_is_given_up_leaves_the_session_open(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        client = await x.client()
        command = await asked(x, "sessions.reset", session="BUYER")
        await client.hear("35=5|34=2")
        command.cancel()
        client.say("35=5")
        assert await client.closed() == b""
        assert numbers(x)[2] == 1
        again = await x.connect(next_out=3)
        await again.log_on()

    run(tmp_path, conversation)


# -- set-next-in, set-next-out ---------------------------------------------------------


def test_the_next_number_expected_up(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        client = await x.client()
        await left(x, client)
        answer = await x.ask("sessions.set_next_in", session="BUYER", number=50)
        assert answer == {
            **BASE,
            "changed": True,
            "message": "is expected to send 50 next; it was 2",
            "before": 2,
            "after": 50,
            "epoch": 2,
        }
        assert numbers(x) == on_disk(x) == (50, 2, 2)
        await restarted(x)
        again = await x.connect(next_out=50)
        again.say("35=A|98=0|108=30")
        await again.hear("35=A|34=2|98=0|108=30")
        again.order("A")
        await again.report("A")

    run(tmp_path, conversation)


@pytest.mark.parametrize("after_a_crash", [False, True])
def test_new_orders_under_old_numbers_are_not_dropped(
    tmp_path: Path, after_a_crash: bool
) -> None:
    """A shard drops what the session's epoch has brought. A client that lost its store
    brings new orders under numbers the shard has seen.
    """

    async def conversation(x: InProcess) -> None:
        client = await x.client()
        for name in "ABC":
            client.order(name)
            await client.report(name)
        await left(x, client)
        if after_a_crash:
            await restarted(x)
        await x.ask("sessions.set_next_in", session="BUYER", number=2)
        again = await x.connect(next_out=2)
        await again.log_on()
        for name in "DEF":
            again.order(name)
            await again.report(name)
        assert x.services[0].host.shard.open_orders == 6

    run(tmp_path, conversation)


def test_a_number_set_above_a_stored_position_the_shard_is_ahead_of(
    tmp_path: Path,
) -> None:
    """The gateway died with orders in the shard that it had not yet noted as processed.
    Set to a number between the two, new orders must come through all the same.
    """

    async def conversation(x: InProcess) -> None:
        client = await x.client()
        await until(lambda: x.stored_in() == 2)
        x.gateway.take_events = lambda *_: None  # type: ignore[method-assign]
        # The outbox dies with its gateway, and never learns how far the shard is.
        x.outbox.set_inbound = lambda *_: None  # type: ignore[method-assign]
        for name in "ABCD":
            client.order(name)
        await until(lambda: x.services[0].host.shard.open_orders == 4)
        await restarted(x)
        assert numbers(x)[0] == 2
        await x.ask("sessions.set_next_in", session="BUYER", number=4)
        again = await x.connect(next_out=4)
        await again.log_on()
        again.order("E")
        await until(lambda: x.services[0].host.shard.open_orders == 5)

    run(tmp_path, conversation)


def test_the_same_order_again_is_refused_by_its_identifier(tmp_path: Path) -> None:
    """Set back, the client is asked for what it sent already: nothing is doubled."""

    async def conversation(x: InProcess) -> None:
        client = await x.client()
        client.order("A")
        await client.report("A")
        await left(x, client)
        await x.ask("sessions.set_next_in", session="BUYER", number=2)
        again = await x.connect(next_out=3)
        await again.log_on()
        await again.hear("35=2|34=4|7=2|16=0")
        again.order("A", f"34=2|43=Y|122={stamp(x.now())}")
        await again.report("A", "8")
        assert x.services[0].host.shard.open_orders == 1

    run(tmp_path, conversation)


def test_the_next_number_sent_up(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        client = await x.client()
        client.order("A")
        await client.report("A")
        await left(x, client)
        x.send("BUYER", "35=B|148=missed")
        answer = await x.ask("sessions.set_next_out", session="BUYER", number=10**12)
        assert answer == {
            **BASE,
            "changed": True,
            "message": "is sent 1000000000000 next; it was 4",
            "before": 4,
            "after": 10**12,
        }
        assert numbers(x) == on_disk(x) == (3, 10**12, 1)
        await restarted(x)
        again = await x.connect(next_out=3)
        again.say("35=A|98=0|108=30")
        await again.hear(f"35=A|34={10**12}|98=0|108=30")
        again.say("35=2|7=2|16=0")
        await again.report("A")
        await again.hear("35=B|34=3|43=Y|122=*|148=missed")
        await again.hear(f"35=4|34=4|43=Y|122=*|36={10**12 + 1}|123=Y")
        again.order("B")
        assert (await again.report("B"))[34] == str(10**12 + 1)

    run(tmp_path, conversation)


def test_the_next_number_sent_does_not_wait_for_shards(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        client = await x.client()
        x.services[0].frozen = True
        client.order("A")
        await until(lambda: numbers(x)[0] == 3)
        await left(x, client)
        await x.ask("sessions.set_next_out", session="BUYER", number=9)
        assert on_disk(x) == (2, 9, 1), "the order is not processed"
        x.services[0].thaw()
        await until(lambda: x.stored_in() == 3)
        assert numbers(x) == on_disk(x) == (3, 10, 1)

    run(tmp_path, conversation)


def test_the_next_number_sent_never_goes_down(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        await x.ask("sessions.set_next_out", session="BUYER", number=9)
        assert await x.refused("sessions.set_next_out", session="BUYER", number=8) == (
            "CONFLICT",
            "BUYER: 9 is the next number sent and 8 would lower it: a number that was "
            "sent can never be sent with another content; 'fixgw sessions reset BUYER' "
            "begins at 1 in both directions",
        )
        assert numbers(x) == on_disk(x) == (1, 9, 1)

    run(tmp_path, conversation)


@pytest.mark.parametrize("command", ["set_next_in", "set_next_out"])
def test_numbers_are_not_set_while_a_client_is_connected(
    tmp_path: Path, command: str
) -> None:
    async def conversation(x: InProcess) -> None:
        await x.client()
        said = await x.refused(f"sessions.{command}", session="BUYER", number=9)
        assert said == (
            "CONFLICT",
            "BUYER is connected, and messages under way have their numbers: 'fixgw "
            "sessions disable BUYER' first, 'enable' it afterwards",
        )
        assert numbers(x) == (2, 2, 1)

    run(tmp_path, conversation)


@pytest.mark.parametrize("command", ["set_next_in", "set_next_out"])
@pytest.mark.parametrize(
    ("number", "said"),
    [
        (0, f"number is 0: it may be 1 to {MSG_SEQ_NUM_MAX}"),
        (-1, f"number is -1: it may be 1 to {MSG_SEQ_NUM_MAX}"),
        (10**15 + 1, f"number is {10**15 + 1}: it may be 1 to {MSG_SEQ_NUM_MAX}"),
        ("9", "number is no whole number"),
        (True, "number is no whole number"),
        (9.0, "number is no whole number"),
        (None, "number is no whole number"),
    ],
)
def test_numbers_that_are_none(
    tmp_path: Path, command: str, number: Any, said: str
) -> None:
    async def conversation(x: InProcess) -> None:
        refusal = await x.refused(f"sessions.{command}", session="BUYER", number=number)
        assert refusal == ("BAD_ARGUMENT", said)
        assert numbers(x) == (1, 1, 1)

    run(tmp_path, conversation)


def test_the_ends_of_the_range(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        for command in ("set_next_in", "set_next_out"):
            for number in (1, MSG_SEQ_NUM_MAX):
                await x.ask(f"sessions.{command}", session="BUYER", number=number)
        assert on_disk(x) == (MSG_SEQ_NUM_MAX, MSG_SEQ_NUM_MAX, 3)
        client = await x.connect(next_out=MSG_SEQ_NUM_MAX)
        client.say("35=A|98=0|108=30")
        await client.hear(f"35=A|34={MSG_SEQ_NUM_MAX}|98=0|108=30")

    run(tmp_path, conversation)


# -- names, texts, failures ------------------------------------------------------------

COMMANDS: dict[str, dict[str, Any]] = {
    "logout": {},
    "disconnect": {},
    "disable": {},
    "enable": {},
    "reset": {},
    "set_next_in": {"number": 5},
    "set_next_out": {"number": 5},
    "show": {},
}


@pytest.mark.parametrize("command", COMMANDS)
def test_names(tmp_path: Path, command: str) -> None:
    async def conversation(x: InProcess) -> None:
        more = COMMANDS[command]
        for name in ("SELLER", "seller", "fix.4.4:exchange->seller"):
            answer = await x.ask(f"sessions.{command}", session=name, **more)
            assert answer["session"] == "FIX.4.4:EXCHANGE->SELLER"
        assert await x.refused(f"sessions.{command}", session="SELER", **more) == (
            "NOT_FOUND",
            "there is no session 'SELER'; did you mean SELLER?",
        )
        code, said = await x.refused(f"sessions.{command}", **more)
        assert (code, said) == ("BAD_ARGUMENT", "session is missing, or no text")
        code, said = await x.refused(f"sessions.{command}", session="X" * 513, **more)
        assert code == "BAD_ARGUMENT"
        code, said = await x.refused(f"sessions.{command}", sesion="BUYER", **more)
        assert said.startswith("'sesion' is no argument of this command: it takes")

    run(tmp_path, conversation)


def test_the_longest_name(tmp_path: Path) -> None:
    longest = str(SessionId("FIXT.1.1", *(letter * 64 for letter in "ABCDEF")))

    async def conversation(x: InProcess) -> None:
        code, said = await x.refused("sessions.show", session=longest)
        assert code == "NOT_FOUND", said

    run(tmp_path, conversation)


@pytest.mark.parametrize("command", ["logout", "disable", "reset"])
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x" * 201, "text has 201 characters, 200 is the most"),
        ("a\x0110=000\x01", "text has characters that cannot be printed"),
        ("two\nlines", "text has characters that cannot be printed"),
        ("日本", "text has characters that a FIX message cannot hold"),
        (7, "text is missing, or no text"),
    ],
)
def test_texts_that_would_break_a_message(
    tmp_path: Path, command: str, text: Any, said: str
) -> None:
    async def conversation(x: InProcess) -> None:
        client = await x.client()
        refusal = await x.refused(f"sessions.{command}", session="BUYER", text=text)
        assert refusal == ("BAD_ARGUMENT", said)
        client.say("35=1|112=alive")
        await client.hear("35=0|34=2|112=alive")

    run(tmp_path, conversation)


@pytest.mark.parametrize(
    ("command", "more"),
    [("reset", {}), ("set_next_in", {"number": 9}), ("set_next_out", {"number": 9})],
)
def test_an_outbox_that_cannot_be_written_is_said(
    tmp_path: Path, command: str, more: dict[str, Any]
) -> None:
    def fail(*_: Any) -> None:
        raise DurabilityLost("no disk")

    async def conversation(x: InProcess) -> None:
        log: Any = x.outbox._log
        log.commit = fail
        code, said = await x.refused(f"sessions.{command}", session="BUYER", **more)
        assert code == "UNAVAILABLE"
        assert said.startswith("the outbox cannot be written and the gateway stops")
        assert [str(error) for error in x.fatal] == ["no disk"]
        x.fatal.clear()

    run(tmp_path, conversation)


@pytest.mark.parametrize("command", ["set_next_in", "set_next_out"])
def test_where_every_logon_resets(tmp_path: Path, command: str) -> None:
    async def conversation(x: InProcess) -> None:
        said = await x.refused(f"sessions.{command}", session="BUYER", number=9)
        assert said == (
            "CONFLICT",
            "BUYER: ResetOnLogon=Y: its numbers begin at 1 at every Logon; 'fixgw "
            "sessions reset BUYER' begins at 1 in both directions",
        )

    run(tmp_path, conversation, reset_on_logon=True)


def test_every_change_is_audited_and_nothing_else(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        changing = {
            name for name, command in x.operator.commands().items() if command.changes
        }
        assert changing == {f"sessions.{name}" for name in COMMANDS if name != "show"}

    run(tmp_path, conversation)


def test_an_abandoned_disabling_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On disk and in force are one: a caller that leaves in between changes nothing."""
    real: Callable[..., None] = DisabledSessions.disable
    begun = asyncio.Event()

    async def conversation(x: InProcess) -> None:
        loop = asyncio.get_running_loop()

        def slow(*arguments: Any) -> None:
            loop.call_soon_threadsafe(begun.set)
            real(*arguments)

        monkeypatch.setattr(DisabledSessions, "disable", slow)
        command = asyncio.create_task(x.ask("sessions.disable", session="BUYER"))
        await begun.wait()
        command.cancel()
        await until(lambda: not x.hosted().enabled)
        assert x.disabled.get(x.hosted().session.session_id) is not None

    run(tmp_path, conversation)
