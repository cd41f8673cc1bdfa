"""Clients of all versions in one market, each told in its own version.

Whatever the exchange says is judged by the dictionary of the version it is said in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from fixgw.dictionary import APPL_VER_IDS, Dictionary, Rulebook, load
from fixgw.session.identity import SessionId
from fixgw.session.settings import SessionSettings
from fixgw.wire import Message, parse_message
from tests.net.exchange_in_process import Client, InProcess, until
from tests.sessions.conversation import Pairs, stamp

SPEC = Path(__file__).resolve().parents[2] / "spec"
FIXT = "FIXT.1.1"
OLD = ("FIX.4.0", "FIX.4.1")
"""Seconds only, and nothing about the time of an order."""
VERSIONS = (
    *OLD,
    *("FIX.4.2", "FIX.4.3", "FIX.4.4"),
    *("FIX.5.0", "FIX.5.0SP1", "FIX.5.0SP2"),
)


def load_spec(name: str) -> Dictionary:
    """The dictionary of a version."""
    path = SPEC / f"{name.replace('.', '')}.xml"
    return load(path.read_text(), path.name)


DICTIONARIES = {name: load_spec(name) for name in (*VERSIONS, FIXT)}


def rulebook_of(version: str) -> Rulebook:
    """What a session of this version judges by. All versions can be had over FIXT."""
    if begin_string(version) != FIXT:
        return Rulebook.single(DICTIONARIES[version])
    applications = {APPL_VER_IDS[each]: DICTIONARIES[each] for each in VERSIONS}
    return Rulebook.fixt(DICTIONARIES[FIXT], applications, APPL_VER_IDS[version])


def begin_string(version: str) -> str:
    """BeginString(8) of a session that speaks it by default."""
    return FIXT if version.startswith("FIX.5") else version


RULEBOOKS = {version: rulebook_of(version) for version in VERSIONS}


class VersionClient(Client):
    """A client called like the version of its session."""

    speaks = ""
    """The version of its application messages."""
    appl_ver_id = ""
    """DefaultApplVerID(1137), over FIXT."""
    session_version = ""

    def terms(self, cl_ord_id: str, extra: str = "") -> str:
        """A limit order to buy 5 XYZ at 100, unless ``extra`` says otherwise."""
        fields = {"11": cl_ord_id, "21": "1", "54": "1", "55": "XYZ"}
        fields |= {"38": "5", "40": "2", "44": "100"} | self._time()
        fields |= dict(part.split("=") for part in extra.split("|") if part)
        return "|".join(f"{tag}={value}" for tag, value in fields.items())

    def order(self, cl_ord_id: str, extra: str = "", symbol: str = "XYZ") -> None:
        """Send it."""
        self.say(f"35=D|{self.terms(cl_ord_id, f'55={symbol}|{extra}')}")

    def cancel(self, cl_ord_id: str, orig: str, extra: str = "") -> None:
        """Ask for the end of an order."""
        fields = {"11": cl_ord_id, "41": orig, "54": "1", "55": "XYZ", "38": "5"}
        if self.speaks == "FIX.4.0":
            fields["125"] = "F"
        fields |= self._time() | dict(p.split("=") for p in extra.split("|") if p)
        self.say("35=F|" + "|".join(f"{tag}={v}" for tag, v in fields.items()))

    def _time(self) -> dict[str, str]:
        return {} if self.speaks in OLD else {"60": stamp(self._clock())}

    async def next(self) -> Pairs:
        pairs = await super().next()
        message = parse_message(self.heard)
        assert isinstance(message, Message)
        rulebook = RULEBOOKS[self.session_version]
        verdict = rulebook.judge(message, default_appl_ver_id=self.appl_ver_id)
        assert verdict is None, f"{self.speaks}: {pairs}: {verdict}"
        return pairs

    async def told(self) -> dict[int, str]:
        """The next message, and only what the versions differ in: its body without the
        terms of the order."""
        fields = dict(await self.next())
        common = {8, 9, 10, 34, 49, 52, 56, 1, 6, 11, 37, 38, 40, 44, 54, 55, 59}
        return {tag: value for tag, value in fields.items() if tag not in common}


class Versions(InProcess):
    """One session for each version, called like it."""

    def __init__(
        self, folder: Path, versions: Sequence[str], digits: dict[str, int]
    ) -> None:
        super().__init__(folder)
        sessions = [
            SessionSettings(
                session_id=SessionId(begin_string(version), "EXCHANGE", version),
                default_appl_ver_id=version if begin_string(version) == FIXT else "",
                timestamp_precision=digits.get(version, 3),
            )
            for version in versions
        ]
        self.settings = replace(self.settings, sessions=tuple(sessions))

    def rulebook(self, settings: SessionSettings) -> Rulebook | None:
        return RULEBOOKS[settings.session_id.target_comp_id]

    async def join(self, version: str) -> VersionClient:
        """Its client, logged on."""
        client = await self.connect_to(version)
        await self.log_on(client, version)
        return client

    async def connect_to(self, version: str) -> VersionClient:
        """The client of that session, not yet logged on."""
        streams = await asyncio.open_connection("127.0.0.1", self.acceptor.port)
        client = VersionClient(*streams, self.now, version)
        self.clients.append(client)
        client.session_version = version
        client.begin_string = begin_string(version)
        return client

    async def log_on(self, client: VersionClient, speaks: str) -> None:
        """Over FIXT a client may speak another version than the session's default."""
        client.speaks = speaks
        if client.begin_string == FIXT:
            client.appl_ver_id = APPL_VER_IDS[speaks]
        more = f"1137={client.appl_ver_id}" if client.appl_ver_id else ""
        await client.log_on(extra=more)


def trade(
    folder: Path,
    conversation: Callable[[Versions], Coroutine[Any, Any, None]],
    *versions: str,
    digits: dict[str, int] | None = None,
) -> None:
    """One conversation with an exchange that has these sessions."""

    async def main() -> None:
        x = Versions(folder, versions, digits or {})
        x.start_gateway()
        await x.listen()
        try:
            await conversation(x)
            assert not x.fatal
        finally:
            await x.close()

    asyncio.run(main())


# -- one client of each version --------------------------------------------------------


def wanted(version: str, kind: str) -> dict[int, str]:
    """What a report of ``kind`` says in this version besides the order's terms; ``*``
    is any value."""
    status = {"new": "0", "replaced": "0", "filled": "2", "cancelled": "4"}[kind]
    exec_type = {"new": "0", "replaced": "5", "filled": "F", "cancelled": "4"}[kind]
    fields = {"35": "8", "17": "*", "39": status, "60": "*"}
    if version <= "FIX.4.2":
        fields["20"] = "0"
        exec_type = exec_type.replace("F", "2")
        if kind == "replaced":
            fields["39"] = "5"
    if kind == "filled":
        fields |= {"31": "100", "32": "5"}
    elif version in OLD:
        fields |= {"31": "0", "32": "0"}
    leaves = {"new": "5", "replaced": "7"}.get(kind, "0")
    fields["14"] = "5" if kind == "filled" else "0"
    if version != "FIX.4.0":
        fields |= {"150": exec_type, "151": leaves}
        if kind in ("replaced", "cancelled"):
            fields["41"] = "*"
    if kind == "filled" and version >= "FIX.4.3":
        fields["527"] = "*"
        if version >= "FIX.4.4":
            fields["851"] = "*"
        if version >= "FIX.5.0":
            fields["1057"] = "*"
    return {int(tag): value for tag, value in fields.items()}


def check(found: dict[int, str], version: str, kind: str) -> None:
    """Exactly what is wanted."""
    expected = wanted(version, kind)
    alike = {
        tag: "*" if expected.get(tag) == "*" else value for tag, value in found.items()
    }
    assert alike == expected, version


@pytest.mark.parametrize("version", VERSIONS)
def test_an_order_from_its_entry_to_its_end(tmp_path: Path, version: str) -> None:
    async def conversation(x: Versions) -> None:
        client = await x.join(version)
        client.order("A")
        check(await client.told(), version, "new")
        client.say("35=G|41=A|" + client.terms("B", "38=7"))
        check(await client.told(), version, "replaced")
        client.cancel("C", "B")
        check(await client.told(), version, "cancelled")

    trade(tmp_path, conversation, version)


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_refused(tmp_path: Path, version: str) -> None:
    """By a report, by a cancel reject, and as a message that is not served."""

    async def conversation(x: Versions) -> None:
        client = await x.join(version)
        client.order("A", symbol="NOWHERE")
        refused = await client.told()
        assert (refused[35], refused[39], refused[103]) == ("8", "8", "1")
        assert refused[58] == "Symbol(55) is not traded here"

        client.cancel("B", "A")
        refused = await client.told()
        assert (refused[35], refused[102]) == ("9", "1")
        details = (39, 41) if version != "FIX.4.0" else ()
        details += () if version in OLD else (60, 434)
        assert set(refused) == {35, 58, 102, *details}

        client.order("A")
        refused = await client.told()
        assert refused[103] == ("0" if version == "FIX.4.0" else "6")

        when = "" if version in OLD else f"|60={stamp(x.now())}"
        client.say(f"35=D|11=X|21=1|54=1|55=XYZ|38=5|40=2{when}")
        seq = str(client.next_out - 1)
        text = "a limit order needs Price(44)"
        if version in OLD:
            assert await client.told() == {35: "3", 45: seq, 58: text}
        else:
            rest = {45: seq, 372: "D", 379: "X", 380: "5", 58: text}
            assert await client.told() == {35: "j", **rest}

    trade(tmp_path, conversation, version)


def test_a_part_of_an_order_cannot_be_cancelled(tmp_path: Path) -> None:
    """CxlType(125)=P of FIX 4.0 takes away some of the quantity."""

    async def conversation(x: Versions) -> None:
        client = await x.join("FIX.4.0")
        client.order("A")
        await client.told()
        client.cancel("B", "A", "125=P")
        refused = await client.told()
        assert refused[35] == "3"
        assert "125" in refused[58]
        client.cancel("C", "A")
        check(await client.told(), "FIX.4.0", "cancelled")

    trade(tmp_path, conversation, "FIX.4.0")


# -- several in one market -------------------------------------------------------------


@pytest.mark.parametrize(
    ("buyer", "seller"), [*pairwise(VERSIONS), *pairwise(VERSIONS[::-1])]
)
def test_two_versions_trade(tmp_path: Path, buyer: str, seller: str) -> None:
    async def conversation(x: Versions) -> None:
        one, other = await x.join(buyer), await x.join(seller)
        one.order("B")
        check(await one.told(), buyer, "new")
        other.order("S", "54=2")
        check(await other.told(), seller, "new")
        check(await other.told(), seller, "filled")
        check(await one.told(), buyer, "filled")

    trade(tmp_path, conversation, buyer, seller)


def test_all_versions_take_from_one_order(tmp_path: Path) -> None:
    async def conversation(x: Versions) -> None:
        clients = {version: await x.join(version) for version in VERSIONS}
        maker = clients["FIX.4.4"]
        maker.order("M", "54=2|38=40")
        await maker.report("M")
        for version, client in clients.items():
            client.order(f"T-{version}", "59=0" if client is maker else "")
        trades = set()
        for version, client in clients.items():
            if client is not maker:
                check(await client.told(), version, "new")
                check(await client.told(), version, "filled")
        for _ in range(len(VERSIONS) + 2):
            report = dict(await maker.next())
            if report[150] == "F":
                trades.add(report[527])
        # Its own order took as well: two reports of one trade.
        assert len(trades) == len(VERSIONS)

    trade(tmp_path, conversation, *VERSIONS)


# -- times, and versions over FIXT -----------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("digits", [0, 3, 6, 9])
def test_times_are_as_precise_as_those_of_the_session(
    tmp_path: Path, version: str, digits: int
) -> None:
    async def conversation(x: Versions) -> None:
        client = await x.join(version)
        client.order("A")
        said = dict(await client.next())
        expected = 0 if version in OLD else digits
        for tag in (52, 60):
            assert len(said[tag].partition(".")[2]) == expected

    trade(tmp_path, conversation, version, digits={version: digits})


def test_over_fixt_the_logon_says_the_version(tmp_path: Path) -> None:
    """From its Logon on, whatever the session spoke before."""

    async def conversation(x: Versions) -> None:
        for place, speaks in enumerate(("FIX.4.2", "FIX.5.0SP2", "FIX.4.0", "FIX.4.4")):
            client = await x.connect_to("FIX.5.0SP2")
            client.next_out = x.gateway.sessions[0].session.numbers.next_in
            await x.log_on(client, speaks)
            client.order(f"A{place}")
            check(await client.told(), speaks, "new")
            await client.close()
            await until(lambda: x.gateway.connected == 0)

    trade(tmp_path, conversation, "FIX.5.0SP2")


def test_what_came_while_the_client_was_away_is_in_its_version(tmp_path: Path) -> None:
    async def conversation(x: Versions) -> None:
        buyer, seller = await x.join("FIX.4.2"), await x.join("FIX.4.4")
        buyer.order("B")
        check(await buyer.told(), "FIX.4.2", "new")
        await buyer.close()
        await until(lambda: x.gateway.connected == 1)
        seller.order("S", "54=2")
        await seller.report("S")
        await seller.report("S", "F")
        back = await x.connect_to("FIX.4.2")
        back.next_out = 3
        await x.log_on(back, "FIX.4.2")
        back.say("35=2|7=3|16=0")
        report = await back.told()
        assert (report.pop(43), bool(report.pop(122))) == ("Y", True)
        check(report, "FIX.4.2", "filled")

    trade(tmp_path, conversation, "FIX.4.2", "FIX.4.4")


def test_what_came_behind_a_restart_is_in_the_version_of_the_last_logon(
    tmp_path: Path,
) -> None:
    """Which over FIXT need not be the session's default."""

    async def conversation(x: Versions) -> None:
        buyer = await x.connect_to("FIX.5.0SP2")
        await x.log_on(buyer, "FIX.4.2")
        buyer.order("B")
        check(await buyer.told(), "FIX.4.2", "new")
        x.kill_gateway()
        await asyncio.sleep(0)
        x.start_gateway()
        await x.listen()
        seller = await x.join("FIX.4.4")
        seller.order("S", "54=2")
        await seller.report("S")
        await seller.report("S", "F")
        back = await x.connect_to("FIX.5.0SP2")
        back.next_out = 3
        await x.log_on(back, "FIX.4.2")
        back.say("35=2|7=3|16=0")
        report = await back.told()
        assert (report.pop(43), bool(report.pop(122))) == ("Y", True)
        check(report, "FIX.4.2", "filled")

    trade(tmp_path, conversation, "FIX.5.0SP2", "FIX.4.4")
