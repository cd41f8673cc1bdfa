"""A session on its TCP connection: the asyncio shell around the rules."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from fixgw.client.login import LogonFailed, Settings
from fixgw.client.saved import Saved
from fixgw.client.session import CLOSED, Application, Phase, Session

_TICK_S = 0.1


class Connection:
    """A session on its TCP connection. Read ``session`` freely; it moves by itself."""

    def __init__(
        self,
        session: Session,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.session = session
        self._reader, self._writer = reader, writer
        self._news = asyncio.Event()
        self._task = asyncio.create_task(self._pump())
        self._task.add_done_callback(lambda task: self._news.set())

    @property
    def ended(self) -> bool:
        return self.session.phase is Phase.ENDED or self._task.done()

    async def until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Whether the condition came true in time; not after the end either."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not condition() and not self.ended:
                    self._news.clear()
                    await self._news.wait()
        return condition()

    async def over(self) -> None:
        """Returns when the session has ended; raises what broke it, if it was a bug."""
        await asyncio.shield(self._task)

    async def logout(self) -> None:
        """Part properly; returns when the connection is closed."""
        self.session.logout()
        await self.over()

    async def _pump(self) -> None:
        session = self.session
        try:
            while session.phase is not Phase.ENDED:
                await self._step(session)
                self._news.set()
        finally:
            self._writer.close()
            with suppress(OSError):
                await self._writer.wait_closed()

    async def _step(self, session: Session) -> None:
        try:
            async with asyncio.timeout(_TICK_S):
                data = await self._reader.read(1 << 16)
        except TimeoutError:
            pass
        except OSError as error:
            session.lost(f"the connection broke: {error}")
        else:
            session.receive(data) if data else session.lost()
        session.tick()


async def log_on(
    settings: Settings, saved: Saved, application: Application
) -> Connection:
    """An established session; raises :class:`LogonFailed` when there is none."""
    connection = await _attempt(settings, saved, application)
    expected = connection.session.expected_by_exchange
    if expected is not None:
        application.notice(f"the exchange expects our number {expected}: trying again")
        saved.next_out = expected
        connection = await _attempt(settings, saved, application)
    if connection.session.phase is Phase.ENDED:
        raise LogonFailed(_next_step(connection.session, settings))
    return connection


async def _attempt(
    settings: Settings, saved: Saved, application: Application
) -> Connection:
    connection = await _connect(settings, saved, application)
    session = connection.session
    session.logon()
    # The session watches its own time limit; ours is only behind it.
    await connection.until(lambda: session.logged_on, settings.logon_s_max + 1)
    if session.phase is Phase.ENDED:
        await connection.over()
    return connection


async def _connect(
    settings: Settings, saved: Saved, application: Application
) -> Connection:
    where = f"{settings.host}:{settings.port}"
    try:
        async with asyncio.timeout(settings.logon_s_max):
            opened = await asyncio.open_connection(settings.host, settings.port)
    except ConnectionRefusedError:
        raise LogonFailed(
            f"nothing listens on {where}: start the exchange with bin/fixgw up"
        ) from None
    except TimeoutError:
        raise LogonFailed(
            f"{where} did not answer within {settings.logon_s_max:g} s: "
            "check --host, --port and the network"
        ) from None
    except OSError as error:
        raise LogonFailed(
            f"cannot reach {where} ({error.strerror or error}): check --host and --port"
        ) from None
    session = Session(settings, saved, application, opened[1].write)
    return Connection(session, *opened)


def _next_step(session: Session, settings: Settings) -> str:
    if session.reason != CLOSED:
        return session.reason
    names = f"{settings.sender} -> {settings.target}"
    return (
        f"{CLOSED} without a word: check that {names} is in config/sessions.cfg, "
        "that it is not logged on elsewhere, and its password"
    )
