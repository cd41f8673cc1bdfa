"""What an operator may do to a session: log it out, cut it, disable it, set its
numbers.

Whatever is done is in force, and on disk where it must outlive the process, when the
answer is given. Numbers are set only while no client is connected and no message of it
waits for a shard:

* a message that waits is not yet counted as processed, so the position set would be
  behind it, and after a crash of the gateway nobody would ask for it again;
* while a command is at work on a session its Logons are turned away, so that no client
  comes in between.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from engine.host.admin import AdminError, Command
from engine.host.arguments import Arguments, bad
from fixgw.net.gateway import Gateway
from fixgw.net.hosted import End, Hosted
from fixgw.session.directory import Directory, NoSuchSession
from fixgw.session.numbering import NotPossible
from fixgw.session.numbers import MSG_SEQ_NUM_MAX
from fixgw.session.reasons import DisconnectReason
from fixgw.store.disabled import DisabledSessions, Disabling

log = logging.getLogger(__name__)

NAME_CHARS_MAX = 512
"""Longer than any session's name: two CompIDs, SubIDs and LocationIDs of 64 characters
and the version."""

TEXT_CHARS_MAX = 200
"""What Text(58) of a Logout may say: one line of a log."""

END_MARGIN_S = 12.0
"""How long after its LogoutTimeout a connection may still take to end: a client that
has logged out itself gets 10 s to close, one that reads nothing 10 s to read."""

END_S_MAX = 45.0
"""The longest that a command waits for the end of a connection. With what else it may
wait for it stays below the 60 s after which an admin socket abandons it."""

CONFIRM_PATIENCE_S = 5.0
"""How long messages may wait for their shards before numbers are refused to be set."""

REPLAY_PATIENCE_S = 5.0
"""How long a logout waits for a replay to end: what it holds back would stand behind
the Logout, and QuickFIX counts a Logout without asking for what it misses before it."""

POLL_S = 0.01


class SessionCommands:
    """The commands of the admin socket that change sessions."""

    def __init__(
        self, gateway: Gateway, directory: Directory, disabled: DisabledSessions
    ) -> None:
        self._gateway = gateway
        self._directory = directory
        self._disabled = disabled
        self._file = asyncio.Lock()

    def commands(self) -> dict[str, Command]:
        """By the names of the admin socket; all of them are audited."""
        return {
            f"sessions.{name}": Command(run, changes=True)
            for name, run in {
                "logout": self._logout,
                "disconnect": self._disconnect,
                "disable": self._disable,
                "enable": self._enable,
                "reset": self._reset,
                "set_next_in": self._set_next_in,
                "set_next_out": self._set_next_out,
            }.items()
        }

    def named(self, arguments: Arguments) -> Hosted:
        """The session of the argument "session". Raises AdminError."""
        name = arguments.text("session", NAME_CHARS_MAX)
        try:
            session = self._directory.find(name)
        except NoSuchSession as error:
            raise AdminError("NOT_FOUND", str(error)) from None
        return self._gateway.session(session.key)

    # -- connections -------------------------------------------------------------------

    async def _logout(self, given: dict[str, Any]) -> dict[str, Any]:
        arguments = Arguments(given, "session", "text")
        text = _text(arguments)
        hosted = self.named(arguments)
        if hosted.connection is None:
            return self._answer(hosted, False, "is not logged on")
        end = await self._log_out(hosted, text)
        said = f"is logged out: {_clause(end)}"
        return self._answer(hosted, True, said, reason=end.reason.name)

    async def _disconnect(self, given: dict[str, Any]) -> dict[str, Any]:
        hosted = self.named(Arguments(given, "session"))
        if hosted.connection is None:
            return self._answer(hosted, False, "is not connected")
        ending = hosted.next_end()
        hosted.connection.cut(DisconnectReason.OPERATOR_DISCONNECT)
        end = await self._wait_for(hosted, ending)
        return self._answer(hosted, True, "is disconnected", reason=end.reason.name)

    async def _log_out(self, hosted: Hosted, text: str) -> End:
        """Say Logout and wait for the end, however it comes."""
        ending = hosted.next_end()
        await self._let_replay_end(hosted)
        hosted.session.logout(text, self._gateway.clock(), at_once=True)
        self._gateway.touch(hosted)
        return await self._wait_for(hosted, ending)

    @staticmethod
    async def _let_replay_end(hosted: Hosted) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + REPLAY_PATIENCE_S
        session = hosted.session
        while session.is_logged_on and loop.time() < deadline:
            condition = session.condition
            if not condition.replaying and not condition.queued:
                break
            await asyncio.sleep(POLL_S)

    async def _wait_for(self, hosted: Hosted, ending: asyncio.Future[End]) -> End:
        timeout_s = hosted.session.settings.logout_timeout_s + END_MARGIN_S
        timeout_s = min(timeout_s, END_S_MAX)
        try:
            return await asyncio.wait_for(ending, timeout_s)
        except TimeoutError:
            name = self._name(hosted)
            raise AdminError(
                "TIMEOUT",
                f"{name} is still connected after {timeout_s:g} s: "
                f"'fixgw sessions disconnect {name}' cuts it",
            ) from None

    # -- letting in --------------------------------------------------------------------

    async def _disable(self, given: dict[str, Any]) -> dict[str, Any]:
        arguments = Arguments(given, "session", "text")
        text = _text(arguments)
        hosted = self.named(arguments)
        if not hosted.enabled:
            return self._answer(hosted, False, "is disabled already")
        await self._let_in(hosted, False, Disabling(self._gateway.clock(), text))
        if hosted.connection is None:
            return self._answer(hosted, True, "is disabled")
        end = await self._log_out(hosted, text)
        said = f"is disabled and logged out: {_clause(end)}"
        return self._answer(hosted, True, said, reason=end.reason.name)

    async def _enable(self, given: dict[str, Any]) -> dict[str, Any]:
        hosted = self.named(Arguments(given, "session"))
        if hosted.enabled:
            return self._answer(hosted, False, "is enabled already")
        await self._let_in(hosted, True, None)
        return self._answer(hosted, True, "is enabled")

    async def _let_in(
        self, hosted: Hosted, enabled: bool, disabling: Disabling | None
    ) -> None:
        """On disk, then in force. Both are done once they are begun."""
        session = hosted.session.session_id

        async def change() -> None:
            async with self._file:
                if disabling is None:
                    await asyncio.to_thread(self._disabled.enable, session)
                else:
                    await asyncio.to_thread(self._disabled.disable, session, disabling)
                hosted.enabled = enabled

        try:
            await asyncio.shield(change())
        except OSError as error:
            raise AdminError(
                "UNAVAILABLE", f"nothing was changed: {error}: check the disk"
            ) from error

    # -- numbers -----------------------------------------------------------------------

    async def _reset(self, given: dict[str, Any]) -> dict[str, Any]:
        arguments = Arguments(given, "session", "text")
        text = _text(arguments)
        hosted = self.named(arguments)
        numbers = hosted.session.numbers
        with self._at_work(hosted, "reset"):
            if hosted.connection is not None:
                await self._log_out(hosted, text)
            await self._wait_for_shards(hosted)
            before = {"next_in": numbers.next_in, "next_out": numbers.next_out}
            dropped = hosted.session.condition.queued
            now_ns = self._gateway.clock()
            self._renumber(hosted, lambda: hosted.session.numbering.reset(now_ns))
        said = f"begins at 1 in both directions, in epoch {numbers.epoch}"
        if dropped:
            said += f"; {dropped} stored messages it was never sent are gone"
        facts = {"before": before, "epoch": numbers.epoch, "dropped": dropped}
        return self._answer(hosted, True, said, **facts)

    async def _set_next_in(self, given: dict[str, Any]) -> dict[str, Any]:
        hosted, number = self._numbered(given)
        numbers = hosted.session.numbers
        with self._at_work(hosted, "set-next-in"):
            self._require_absence(hosted)
            await self._wait_for_shards(hosted)
            before, now_ns = numbers.next_in, self._gateway.clock()
            numbering = hosted.session.numbering
            self._renumber(hosted, lambda: numbering.set_next_in(number, now_ns))
        said = f"is expected to send {number} next; it was {before}"
        facts = {"before": before, "after": number, "epoch": numbers.epoch}
        return self._answer(hosted, True, said, **facts)

    async def _set_next_out(self, given: dict[str, Any]) -> dict[str, Any]:
        hosted, number = self._numbered(given)
        numbers = hosted.session.numbers
        with self._at_work(hosted, "set-next-out"):
            self._require_absence(hosted)
            before, now_ns = numbers.next_out, self._gateway.clock()
            numbering = hosted.session.numbering
            self._renumber(hosted, lambda: numbering.set_next_out(number, now_ns))
        said = f"is sent {number} next; it was {before}"
        return self._answer(hosted, True, said, before=before, after=number)

    def _numbered(self, given: dict[str, Any]) -> tuple[Hosted, int]:
        arguments = Arguments(given, "session", "number")
        number = arguments.number("number", 0, 1, MSG_SEQ_NUM_MAX)
        return self.named(arguments), number

    @contextmanager
    def _at_work(self, hosted: Hosted, what: str) -> Iterator[None]:
        """Logons are turned away meanwhile, and so is a second command like this."""
        if hosted.at_work:
            raise AdminError(
                "CONFLICT",
                f"{self._name(hosted)}: {hosted.at_work} is under way: try again when "
                "it has ended",
            )
        hosted.at_work = what
        try:
            yield
        finally:
            hosted.at_work = ""

    def _require_absence(self, hosted: Hosted) -> None:
        if hosted.connection is not None:
            name = self._name(hosted)
            raise AdminError(
                "CONFLICT",
                f"{name} is connected, and messages under way have their numbers: "
                f"'fixgw sessions disable {name}' first, 'enable' it afterwards",
            )

    async def _wait_for_shards(self, hosted: Hosted) -> None:
        """Until every message counted is processed. Raises AdminError."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + CONFIRM_PATIENCE_S
        while count := hosted.session.numbers.next_in - hosted.processed_in:
            if loop.time() >= deadline:
                links = self._gateway.links.values()
                names = [str(link.shard) for link in links if link.unconfirmed]
                raise AdminError(
                    "CONFLICT",
                    f"{self._name(hosted)}: its last {count} messages wait for shard "
                    f"{', '.join(names)}, and its numbers stay as they are until these "
                    "are processed: 'fixgw status' says why the shard does not answer",
                )
            await asyncio.sleep(POLL_S)

    def _renumber(self, hosted: Hosted, change: Callable[[], None]) -> None:
        """Change the numbers, and have that on disk. Raises AdminError."""
        try:
            change()
        except NotPossible as error:
            name = self._name(hosted)
            raise AdminError(
                "CONFLICT",
                f"{name}: {error}; 'fixgw sessions reset {name}' begins at 1 in both "
                "directions",
            ) from None
        self._gateway.touch(hosted)
        if not self._gateway.settle():
            raise AdminError(
                "UNAVAILABLE",
                "the outbox cannot be written and the gateway stops: what its numbers "
                "are shows when it is back",
            )

    # -- answers -----------------------------------------------------------------------

    def _name(self, hosted: Hosted) -> str:
        return self._directory.name(hosted.session.session_id)

    def _answer(
        self, hosted: Hosted, changed: bool, message: str, **facts: Any
    ) -> dict[str, Any]:
        """``message`` goes on where the session's name stands before it."""
        session = hosted.session.session_id
        if changed:
            log.warning("operator: %s %s", session, message)
        return {
            "session": str(session),
            "name": self._name(hosted),
            "changed": changed,
            "message": message,
            **facts,
        }


def _clause(end: End) -> str:
    """How a connection ended, as a part of a sentence."""
    text = end.text.rstrip(".")
    return text[:1].lower() + text[1:]


def _text(arguments: Arguments) -> str:
    """What the Logout is to say; nothing if it was not given."""
    text = arguments.text_or_none("text", TEXT_CHARS_MAX) or ""
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        raise bad("text has characters that a FIX message cannot hold") from None
    if not text.isprintable():
        raise bad("text has characters that cannot be printed")
    return text
