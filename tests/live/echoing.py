"""One start of ``fixgw echo``, and a client of plain sockets that does what a test
says."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

import simplefix

from tests.live.echo_process import EchoProcess
from tests.sessions.conversation import Pairs, build, pairs_of, read, stamp

PATIENCE_S = 30.0
ENVELOPE = {8, 9, 34, 49, 52, 56, 10, 1409}
"""What hear() does not compare field by field; SessionStatus(1409) is FIXT only."""
ALL_VERSIONS = {
    "FIX.4.0": "",
    "FIX.4.1": "",
    "FIX.4.2": "",
    "FIX.4.3": "",
    "FIX.4.4": "",
    "FIX.5.0": "7",
    "FIX.5.0SP1": "8",
    "FIX.5.0SP2": "9",
}
"""Every version, and DefaultApplVerID(1137) where the session speaks FIXT.1.1."""

HEAD = """\
[DEFAULT]
ConnectionType=acceptor
SocketAcceptHost=127.0.0.1
SocketAcceptPort=5001
SenderCompID=ECHO
NonStopSession=Y
ResetOnLogon=Y
"""


def client_name(version: str) -> str:
    """The client that speaks this version: FIX.5.0SP2 is C50SP2."""
    return "C" + version.removeprefix("FIX.").replace(".", "")


def section(version: str, client: str = "", more: str = "") -> str:
    """A [SESSION] of a sessions file."""
    name = client or client_name(version)
    default = ALL_VERSIONS[version]
    begin = "FIXT.1.1" if default else version
    text = f"[SESSION]\nBeginString={begin}\nTargetCompID={name}\n{more}\n"
    return text + (f"DefaultApplVerID={version}\n" if default else "")


class EchoRun(EchoProcess):
    """One start. ``sessions`` is the text of its sessions file behind [DEFAULT]."""

    def __init__(self, folder: Path, sessions: str, *options: str | Path) -> None:
        super().__init__(folder, HEAD + sessions, *options)
        self.launch()

    def __enter__(self) -> EchoRun:
        try:
            self.wait_ready()
        except BaseException:
            self.clean_up()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.clean_up()


class Wire:
    """One connection of a client. ``version`` as in ALL_VERSIONS."""

    def __init__(self, port: int, version: str, client: str = "") -> None:
        self.name = client or client_name(version)
        self.default_appl_ver_id = ALL_VERSIONS[version]
        self.begin_string = "FIXT.1.1" if self.default_appl_ver_id else version
        self.next_out = 1
        self.next_in = 1
        self._socket = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
        self._socket.settimeout(PATIENCE_S)
        self._parser = simplefix.FixParser(allow_empty_values=True)

    def say(self, text: str) -> None:
        """Write a message; 34 is the next number."""
        when = stamp(datetime.now(UTC))
        defaults = {8: self.begin_string, 49: self.name, 56: "ECHO", 52: when}
        if self.begin_string in ("FIX.4.0", "FIX.4.1"):
            defaults[52] = when[:17]
        self._socket.sendall(build(f"{text}|34={self.next_out}", defaults))
        self.next_out += 1

    def next(self) -> Pairs:
        """The next message."""
        while (message := self._parser.get_message()) is None:
            data = self._socket.recv(65536)
            assert data, "the connection was closed"
            self._parser.append_buffer(data)
        return read(message.encode())

    def hear(self, text: str) -> dict[int, str]:
        """The next message: these fields and no others, in this order, with the next
        number and the names of both sides."""
        pairs = self.next()
        found = [pair for pair in pairs if pair[0] not in ENVELOPE]
        assert found == pairs_of(text), pairs
        said = dict(pairs)
        assert (said[8], said[49], said[56]) == (self.begin_string, "ECHO", self.name)
        assert said[34] == str(self.next_in)
        self.next_in += 1
        return said

    def log_on(self) -> None:
        """Log on; the answer bears the next number too."""
        default = self.default_appl_ver_id
        more = f"|1137={default}" if default else ""
        self.say(f"35=A|98=0|108=30{more}")
        self.hear(f"35=A|98=0|108=30{more}")

    def log_out(self) -> None:
        """Log out, and close."""
        self.say("35=5")
        self.hear("35=5")
        self.close()

    def is_silent(self) -> bool:
        """Nothing comes before the answer to a TestRequest(1)."""
        self.say("35=1|112=ping")
        self.hear("35=0|112=ping")
        return True

    def is_closed(self) -> bool:
        """The other side closes without another byte."""
        with contextlib.suppress(ConnectionError):
            return self._socket.recv(1) == b""
        return True

    def close(self) -> None:
        """Close without a word."""
        self._socket.close()


@contextlib.contextmanager
def client(
    echo: EchoRun, version: str, name: str = "", *, log_on: bool = True
) -> Iterator[Wire]:
    """A client, logged on unless it says otherwise, and gone at the end."""
    wire = Wire(echo.port, version, name)
    try:
        if log_on:
            wire.log_on()
        yield wire
    finally:
        wire.close()
