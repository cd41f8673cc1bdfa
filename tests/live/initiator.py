"""A client of the exchange: QuickFIX itself, with its own store, dictionary and
logs."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import IO

import pytest

from tests.live.exchange import DICTIONARY
from tests.live.waiting import wait_until

pytest.importorskip("quickfix")

RECONNECT_S = 1
ENVELOPE = {8, 9, 10, 43, 52, 97, 122}
"""Fields that differ between a message and its resend, and BeginString."""
HEADER = ENVELOPE | {34, 35, 49, 56}

SETTINGS = """\
[DEFAULT]
ConnectionType=initiator
ReconnectInterval={reconnect_s}
LogonTimeout=10
LogoutTimeout=2
HeartBtInt={heart_bt_int_s}
SocketConnectHost=127.0.0.1
SocketConnectPort={port}
SocketNodelay=Y
FileStorePath={folder}/store
FileLogPath={folder}/log
NonStopSession=Y
TimestampPrecision=3
UseDataDictionary=Y
{dictionaries}
ValidateFieldsOutOfOrder=Y
ValidateFieldsHaveValues=Y
ValidateUserDefinedFields=Y
ResetOnLogon={reset}
{more}
[SESSION]
BeginString={begin_string}
SenderCompID={name}
TargetCompID={server}
"""


@dataclass(frozen=True)
class Version:
    """What a session of one version is set up with.

    ``dictionaries`` are lines of QuickFIX's settings.
    """

    begin_string: str
    dictionaries: str

    @classmethod
    def of(cls, name: str, folder: Path) -> Version:
        """FIX.4.2, or FIX.5.0SP2 over FIXT.1.1, with dictionaries of ``folder``."""
        file = folder / f"{name.replace('.', '')}.xml"
        if name < "FIX.5":
            return cls(name, f"DataDictionary={file}")
        return cls(
            "FIXT.1.1",
            f"DefaultApplVerID={name}\n"
            f"TransportDataDictionary={folder / 'FIXT11.xml'}\n"
            f"AppDataDictionary={file}",
        )


FIX44 = Version("FIX.4.4", f"DataDictionary={DICTIONARY}")

_serial = count(1)


GROUPED = frozenset("WXy")
"""Messages with repeating groups."""


@dataclass(frozen=True)
class Received:
    """One message as QuickFIX gave it to its application, or as it came on the wire."""

    msg_type: str
    seq: int
    poss_dup: bool
    fields: dict[int, str]
    """Of a field in a repeating group the first."""
    pairs: list[tuple[int, str]]
    """All, in their order."""

    @classmethod
    def of(cls, text: str) -> Received:
        """From tag=value with SOH between."""
        fields: dict[int, str] = {}
        pairs: list[tuple[int, str]] = []
        for part in text.rstrip("\x01").split("\x01"):
            tag, _, value = part.partition("=")
            grouped = fields.get(35) in GROUPED
            assert grouped or int(tag) not in fields, f"tag {tag} twice in {text!r}"
            fields.setdefault(int(tag), value)
            pairs.append((int(tag), value))
        return cls(fields[35], int(fields[34]), fields.get(43) == "Y", fields, pairs)

    def __getitem__(self, tag: int) -> str:
        return self.fields[tag]

    def get(self, tag: int) -> str | None:
        """A field, or None."""
        return self.fields.get(tag)

    @property
    def content(self) -> dict[int, str]:
        """What must be the same however often it is sent."""
        return {tag: v for tag, v in self.fields.items() if tag not in ENVELOPE}

    @property
    def body(self) -> dict[int, str]:
        """Every field behind the header."""
        return {tag: v for tag, v in self.fields.items() if tag not in HEADER}

    def __str__(self) -> str:
        return "|".join(f"{tag}={value}" for tag, value in self.fields.items())


class Initiator:
    """One FIX session as its client sees it, over any number of connections.

    Everything it knows of the session is in ``folder``; another Initiator on the same
    folder goes on where this one has stopped.
    """

    def __init__(
        self,
        name: str,
        port: int,
        folder: Path,
        *,
        reset: bool = False,
        heart_bt_int_s: int = 30,
        version: Version = FIX44,
        server: str = "EXCHANGE",
        more: str = "",
    ) -> None:
        self.name = name
        self.server = server
        self.version = version
        self.folder = folder / name
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "initiator.cfg"
        path.write_text(
            SETTINGS.format(
                reconnect_s=RECONNECT_S,
                heart_bt_int_s=heart_bt_int_s,
                port=port,
                folder=self.folder,
                dictionaries=version.dictionaries,
                reset="Y" if reset else "N",
                more=more,
                begin_string=version.begin_string,
                name=name,
                server=server,
            )
        )
        self._path = path
        self._news = threading.Lock()
        self._messages: list[Received] = []
        self._admin: list[Received] = []
        self._refused: list[str] = []
        self._faults: list[str] = []
        self._logged_on = False
        self._logons = 0
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    # -- life --------------------------------------------------------------------------

    def start(self) -> Initiator:
        """Connect, and wait for the logon."""
        self.begin()
        self.wait_logon()
        return self

    def begin(self) -> None:
        """Connect, now and whenever it is cut off."""
        script = Path(__file__).with_name("quickfix_client.py")
        arguments = (self._path, self.version.begin_string, self.name, self.server)
        self._process = subprocess.Popen(
            [sys.executable, str(script), *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, args=[self._process.stdout])
        self._reader.start()

    def stop(self) -> None:
        """Log out and stop for good."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        assert process.stdout is not None
        assert self._reader is not None
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write('["stop"]\n')
            process.stdin.flush()
        try:
            code = process.wait(30.0)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        self._reader.join()
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        process.stdout.close()
        assert code == 0, f"{self.name}: QuickFIX ended with {code}\n{self.tail()}"

    def wait_logon(self, logons: int = 1, deadline_s: float = 30.0) -> None:
        """Wait for the ``logons``-th logon of this object."""
        self.wait(
            lambda: self._logons >= logons and self._logged_on,
            f"logon {logons}",
            deadline_s,
        )

    def wait_logged_out(self) -> None:
        """Wait until the session knows that it is cut off."""
        self.wait(lambda: not self._logged_on, "the end of the session")

    @property
    def logons(self) -> int:
        """How often it has logged on."""
        return self._logons

    @property
    def is_logged_on(self) -> bool:
        """Whether it is logged on now."""
        return self._logged_on

    def _read(self, lines: IO[str]) -> None:
        """In a thread: takes what the process tells."""
        for line in lines:
            kind, text = json.loads(line)
            with self._news:
                if kind in ("app", "admin"):
                    self._take(kind, text)
                elif kind == "refused":
                    self._refused.append(text.replace("\x01", "|"))
                else:
                    self._logons += kind == "logon"
                    self._logged_on = kind == "logon"

    def _take(self, kind: str, text: str) -> None:
        where = self._messages if kind == "app" else self._admin
        try:
            where.append(Received.of(text))
        except Exception as error:
            self._faults.append(f"{error!r}: {text!r}")

    def _command(self, *command: object) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()

    def expect(self, seq: int) -> None:
        """Make QuickFIX expect this number next: it will ask for everything since."""
        self._command("expect", seq)

    # -- messages ----------------------------------------------------------------------

    def send(
        self,
        msg_type: str,
        fields: dict[int, str],
        groups: Sequence[tuple[int, int, Sequence[str]]] = (),
    ) -> None:
        """Send an application message, or store it until there is a connection.

        ``groups``: the tag that counts, that of an entry's one field, and its values.
        """
        self._command("send", msg_type, list(fields.items()), list(groups))

    def order(
        self,
        side: str,
        symbol: str,
        qty: str,
        price: str | None = None,
        **changes: str | None,
    ) -> str:
        """Send a NewOrderSingle(D), ``side`` buy or sell; its ClOrdID.

        ``changes`` are fields by tag, as ``t59="3"``; None leaves a field out.
        """
        fields = {
            11: self.new_id(),
            21: "1",
            38: qty,
            40: "1" if price is None else "2",
            54: {"buy": "1", "sell": "2"}[side],
            55: symbol,
            60: utc_now(),
        }
        if price is not None:
            fields[44] = price
        return self._send_changed("D", fields, changes)

    def cancel(self, order: str, side: str, symbol: str, **changes: str | None) -> str:
        """Send an OrderCancelRequest(F) for the ClOrdID ``order``; its own ClOrdID."""
        fields = {
            11: self.new_id(),
            41: order,
            54: {"buy": "1", "sell": "2"}[side],
            55: symbol,
            60: utc_now(),
        }
        return self._send_changed("F", fields, changes)

    def replace(
        self,
        order: str,
        side: str,
        symbol: str,
        qty: str,
        price: str,
        **changes: str | None,
    ) -> str:
        """Send an OrderCancelReplaceRequest(G); its ClOrdID."""
        fields = {
            11: self.new_id(),
            38: qty,
            40: "2",
            41: order,
            44: price,
            54: {"buy": "1", "sell": "2"}[side],
            55: symbol,
            60: utc_now(),
        }
        return self._send_changed("G", fields, changes)

    def _send_changed(
        self, msg_type: str, fields: dict[int, str], changes: dict[str, str | None]
    ) -> str:
        for name, value in changes.items():
            tag = int(name.removeprefix("t"))
            if value is None:
                fields.pop(tag, None)
            else:
                fields[tag] = value
        self.send(msg_type, fields)
        return fields[11]

    def new_id(self) -> str:
        """A ClOrdID that was never used."""
        return f"{self.name}-{next(_serial)}"

    # -- what came ---------------------------------------------------------------------

    @property
    def messages(self) -> list[Received]:
        """Every application message, as QuickFIX handed them over."""
        with self._news:
            return list(self._messages)

    @property
    def admin(self) -> list[Received]:
        """Every session message."""
        with self._news:
            return list(self._admin)

    def about(self, cl_ord_id: str) -> list[Received]:
        """The reports and answers about one ClOrdID, in the order they came."""
        return [
            message
            for message in self.messages
            if cl_ord_id in (message.get(11), message.get(379))
        ]

    def wait_about(
        self, cl_ord_id: str, number: int = 1, deadline_s: float = 30.0
    ) -> list[Received]:
        """Wait for so many messages about a ClOrdID, and require no more."""
        self.wait(
            lambda: len(self.about(cl_ord_id)) >= number,
            f"{number} messages about {cl_ord_id}",
            deadline_s,
        )
        found = self.about(cl_ord_id)
        assert len(found) == number, "\n".join(map(str, found))
        return found

    def wait(
        self, condition: Callable[[], object], what: str, deadline_s: float = 30.0
    ) -> None:
        """Wait until ``condition``; fail with ``what`` and the last messages."""
        wait_until(condition, f"{self.name}: {what}", deadline_s, self.tail)

    def tail(self) -> str:
        """The last that happened, for messages of failure."""
        return "\n".join([*map(str, self.messages[-10:]), *self.event_log()[-10:]])

    def event_log(self) -> list[str]:
        """What QuickFIX itself logged of the session."""
        return self._read_log("event")

    def received(self) -> list[Received]:
        """Every message as it came on the wire, duplicates and all."""
        found = []
        for line in self._read_log("messages"):
            text = line[line.index("8=FIX") :]
            if f"\x0149={self.server}\x01" in text:
                found.append(Received.of(text))
        return found

    def _read_log(self, kind: str) -> list[str]:
        session = f"{self.version.begin_string}-{self.name}-{self.server}"
        path = self.folder / "log" / f"{session}.{kind}.current.log"
        return path.read_text(encoding="latin-1").splitlines() if path.exists() else []

    def check(self) -> None:
        """QuickFIX found nothing to object to in what it was sent."""
        assert not self._faults
        assert not self._refused
        objections = [
            line
            for line in self.event_log()
            if re.search(
                r"reject|too low|too high.*lost|invalid|incorrect|garbled",
                line,
                re.IGNORECASE,
            )
        ]
        assert not objections


def utc_now() -> str:
    """TransactTime(60) of now."""
    now = time.time()
    whole = time.strftime("%Y%m%d-%H:%M:%S", time.gmtime(now))
    return f"{whole}.{int(now * 1000) % 1000:03}"
