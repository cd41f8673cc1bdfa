"""What ``fixgw log`` shows of messages, in each of its forms."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixgw.client.message import Message
from fixgw.dictionary import load
from fixgw.ops.logview.groups import Node, tree
from fixgw.ops.logview.items import Logged, Remark
from fixgw.ops.logview.render import Renderer
from tests.unit.logview_samples import (
    DAY,
    FILL,
    LOG_NAME,
    ORDER,
    REJECTED,
    frame,
    items,
    quickfix,
    sent,
    shown,
    view,
)

NAMES = load((Path(__file__).parents[2] / "spec/FIX44.xml").read_text(), "FIX44")
GROUPS = load(
    """
    <fix type="FIX" major="4" minor="4">
     <header><field name="BeginString" required="Y"/>
      <field name="BodyLength" required="Y"/>
      <field name="MsgType" required="Y"/></header>
     <messages><message name="News" msgtype="B" msgcat="app">
      <group name="NoLegs" required="N"><field name="LegID" required="Y"/>
       <field name="LegQty" required="N"/>
       <group name="NoParties" required="N"><field name="PartyID" required="Y"/>
        <field name="PartyRole" required="N"/></group></group>
      <field name="Text" required="N"/></message></messages>
     <trailer><field name="CheckSum" required="Y"/></trailer>
     <components/>
     <fields><field number="8" name="BeginString" type="STRING"/>
      <field number="9" name="BodyLength" type="LENGTH"/>
      <field number="35" name="MsgType" type="STRING"/>
      <field number="10" name="CheckSum" type="STRING"/>
      <field number="58" name="Text" type="STRING"/>
      <field number="453" name="NoParties" type="NUMINGROUP"/>
      <field number="448" name="PartyID" type="STRING"/>
      <field number="452" name="PartyRole" type="INT">
       <value enum="1" description="FIRM"/></field>
      <field number="555" name="NoLegs" type="NUMINGROUP"/>
      <field number="600" name="LegID" type="STRING"/>
      <field number="687" name="LegQty" type="QTY"/></fields>
    </fix>""",
    "groups",
)
NESTED = "35=B|555=2|600=L1|687=5|453=2|448=P1|452=1|448=P2|600=L2|58=end"


@pytest.fixture
def day(tmp_path: Path) -> Path:
    path = tmp_path / LOG_NAME
    path.write_bytes(quickfix(*DAY))
    return path


def test_a_day_in_lines(day: Path) -> None:
    assert shown(day) == [
        "— 2026-11-21 UTC",
        "→ 10:00:01.000 NewOrderSingle #2      buy 100 ACME @ 10.00 as B-1",
        "← 10:00:01.005 ExecutionReport #2     ACCEPTED buy 100 ACME @ 10, 100 left",
        "→ 10:00:02.000 OrderCancelReplaceRequest #3 "
        "replace B-1 as B-2: buy 80 ACME @ 10.01",
        "← 10:00:02.004 ExecutionReport #3     REPLACED buy 80 ACME @ 10.01, 80 left",
        "← 10:00:03.250 ExecutionReport #4     FILL buy 80 ACME @ 10.01, 0 left",
        "→ 10:00:04.000 NewOrderSingle #4      sell 5 GLOBEX market as B-3",
        "← 10:00:04.001 ExecutionReport #5     REJECTED sell 5 GLOBEX: closed",
        "→ 10:00:05.000 NewOrderSingle #5      buy x ACME @ 1 as B-4",
        "← 10:00:05.001 Reject #6              "
        "REJECTED message #5, OrderQty(38): bad value",
        "← 10:00:06.000 Heartbeat #7",
    ]


def test_all_fields(day: Path) -> None:
    assert shown(day, "--full", "--last", "1", "--id", "B-3", "--type", "D") == [
        "— 2026-11-21 UTC",
        "→ 10:00:04.000 NewOrderSingle #4      sell 5 GLOBEX market as B-3",
        "          8  BeginString   FIX.4.4",
        "          9  BodyLength    88",
        "         35  MsgType       D  NEW_ORDER_SINGLE",
        "         34  MsgSeqNum     4",
        "         49  SenderCompID  BUYER",
        "         52  SendingTime   20261121-10:00:04.000",
        "         56  TargetCompID  EXCHANGE",
        "         11  ClOrdID       B-3",
        "         38  OrderQty      5",
        "         40  OrdType       1  MARKET",
        "         54  Side          2  SELL",
        "         55  Symbol        GLOBEX",
        "         10  CheckSum      214",
    ]


def test_as_on_the_wire(day: Path) -> None:
    (line,) = shown(day, "--raw", "--type", "Reject")
    assert line.startswith("← 20261121-10:00:05.001 : 8=FIX.4.4|9=")
    assert "|45=5|58=bad value|371=38|373=6|10=" in line
    # What it writes, it reads.
    again = shown("-", stdin=line.encode())
    assert again == [
        "— 2026-11-21 UTC",
        "← 10:00:05.001 EXCHANGE→BUYER     Reject #6              "
        "REJECTED message #5, OrderQty(38): bad value",
    ]


def test_as_json(day: Path) -> None:
    lines = [json.loads(line) for line in shown(day, "--json")]
    assert len(lines) == len(DAY)
    fill = lines[4]
    fields = fill.pop("fields")
    assert fill == {
        "time": "2026-11-21T10:00:03.250000000Z",
        "time_ns": 1_795_255_203_250_000_000,
        "direction": "in",
        "session": "FIX.4.4:BUYER->EXCHANGE",
        "sender": "EXCHANGE",
        "target": "BUYER",
        "type": "8",
        "name": "ExecutionReport",
        "seq": 4,
        "poss_dup": False,
        "cl_ord_id": "B-2",
        "order_id": "0-9",
        "symbol": "ACME",
        "fault": None,
    }
    assert {"tag": 54, "name": "Side", "value": "1", "enum": "BUY"} in fields
    assert {"tag": 32, "name": "LastQty", "value": "80"} in fields


def test_several_days_are_told_apart(tmp_path: Path) -> None:
    later = ORDER.replace(b"20261121", b"20261123")
    path = tmp_path / LOG_NAME
    path.write_bytes(quickfix(ORDER, ORDER, later))
    days = [line for line in shown(path) if line.startswith("—")]
    assert days == ["— 2026-11-21 UTC", "— 2026-11-23 UTC"]


def test_possible_duplicates_and_faults_are_marked(tmp_path: Path) -> None:
    path = tmp_path / LOG_NAME
    resent = sent(2, "D", "11=B-1|43=Y|122=20261121-09:00:00.000|38=1|54=1|55=A")
    path.write_bytes(quickfix(resent, ORDER[:-4] + b"000\x01", FILL[:75]))
    assert shown(path)[1:] == [
        "→ 10:00:00.000 NewOrderSingle #2      "
        "buy 1 A as B-1 [PossDup, first sent 09:00:00.000]",
        "→ 10:00:01.000 NewOrderSingle #2      buy 100 ACME @ 10.00 as B-1 "
        "[CheckSum(10) says 000, the bytes make 021]",
        "← 10:00:03.250 ExecutionReport #4     REPORT ,  left "
        "[it is cut off: no CheckSum(10) at its end]",
    ]


def test_colours_say_what_matters(day: Path) -> None:
    plain, coloured = shown(day), shown(day, "--colour", "always")
    assert [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in coloured] == plain
    fill = next(line for line in coloured if "FILL" in line)
    assert "\x1b[1;32mFILL buy" in fill
    refused = [line for line in coloured if "REJECTED" in line]
    assert len(refused) == 2
    assert all("\x1b[1;31mREJECTED" in line for line in refused)
    assert coloured[-1].startswith("\x1b[2m← 10:00:06.000 Heartbeat")
    assert not any("\x1b" in line for line in plain)


LOGON = frame(
    "35=A|34=1|49=BUYER|52=20261121-10:00:00|56=EXCHANGE|98=0|108=30|95=7|96=raw|key|"
    "553=BUYER|554=hunter2|925=hunter3"
)


@pytest.mark.parametrize("form", ["", "--full", "--raw", "--json"])
def test_secrets_are_masked_unless_asked_for(form: str) -> None:
    options = [form] if form else []
    text = "\n".join(shown("-", *options, stdin=LOGON))
    assert not re.search("hunter|raw|key", text)
    if form:
        assert "****" in text
        open_text = "\n".join(shown("-", "--show-secrets", *options, stdin=LOGON))
        assert "hunter2" in open_text
        assert "hunter3" in open_text
        assert "raw" in open_text
    # Nor can they be searched for, letter by letter.
    assert view("-", "--grep", "554=h", stdin=LOGON).stdout == ""


def test_values_cannot_steer_the_terminal() -> None:
    evil = sent(2, "D", "11=\x1b[31m\x9b2J|55=\u202eEMCA|58=\r\n\x07\x00|54=1\x7f")
    log = b"20261121-10:00:00.5 : \x1b]0;x\x07 event \xc2\x9b2J\n" + evil
    for form in ([], ["--full"], ["--raw"], ["--json"], ["--format", "quickfix"]):
        for line in shown("-", *form, stdin=log):
            assert line.isprintable(), line


@given(st.binary(max_size=300), st.sampled_from(["line", "full", "raw", "json"]))
def test_no_bytes_whatever_break_it(noise: bytes, form: str) -> None:
    renderer = Renderer(NAMES, form, label="both")
    body = noise.replace(b"\x01", b"")
    for data in (b"8=FIX.4.4\x019=5\x0135=" + body + b"\x01" + ORDER, ORDER + noise):
        for item in items(data):
            for line in renderer.lines(item):
                assert line.isprintable()


def flat(nodes: list[Node]) -> list[object]:
    return [
        (n.tag, [flat(entry) for entry in n.entries]) if n.entries else n.tag
        for n in nodes
    ]


def test_groups_become_a_tree() -> None:
    (item,) = items(frame(NESTED))
    assert isinstance(item, Logged)
    parties = (453, [[448, 452], [448]])
    legs = (555, [[600, 687, parties], [600]])
    assert flat(tree(item.message, GROUPS)) == [8, 9, 35, legs, 58, 10]
    assert flat(tree(item.message, None))[3:6] == [555, 600, 687]


def test_groups_are_indented() -> None:
    (item,) = items(frame(NESTED))
    lines = list(Renderer(GROUPS, "full").lines(item))[1:]
    assert lines == [
        "          8  BeginString  FIX.4.4",
        "          9  BodyLength   64",
        "         35  MsgType      B",
        "        555  NoLegs       2",
        "             - 1",
        "               600  LegID      L1",
        "               687  LegQty     5",
        "               453  NoParties  2",
        "                    - 1",
        "                      448  PartyID    P1",
        "                      452  PartyRole  1  FIRM",
        "                    - 2",
        "                      448  PartyID  P2",
        "             - 2",
        "               600  LegID  L2",
        "         58  Text         end",
        "         10  CheckSum     107",
    ]


def test_groups_in_json() -> None:
    (item,) = items(frame(NESTED))
    (line,) = Renderer(GROUPS, "json").lines(item)
    legs = json.loads(line)["fields"][3]
    assert legs["name"] == "NoLegs"
    assert [[f["tag"] for f in entry] for entry in legs["entries"]] == [
        [600, 687, 453],
        [600],
    ]


@given(
    st.lists(st.sampled_from([35, 555, 600, 687, 453, 448, 452, 58, 77]), max_size=30)
)
def test_no_field_is_lost_in_a_tree(tags: list[int]) -> None:
    fields = ((35, "B"), *((tag, str(n)) for n, tag in enumerate(tags)))

    def walk(nodes: list[Node]) -> list[tuple[int, str]]:
        found = []
        for node in nodes:
            found.append((node.tag, node.value))
            for entry in node.entries:
                found += walk(entry)
        return found

    assert tuple(walk(tree(Message(fields), GROUPS))) == fields


def test_remarks_in_each_form() -> None:
    remark = Remark("Created\x1b session", None, is_trouble=True)
    lines = {
        form: list(Renderer(NAMES, form).lines(remark)) for form in ("line", "json")
    }
    assert lines["line"] == [r"  --:--:--.--- Created\x1b session"]
    assert json.loads(lines["json"][0])["remark"] == "Created\x1b session"


def test_another_dictionary(tmp_path: Path) -> None:
    path = tmp_path / "other.xml"
    path.write_text("<fix>")
    result = view("-", "--dictionary", path, stdin=REJECTED)
    assert result.exit_code == 2
    assert "not well-formed XML" in result.stderr
    result = view("-", "--dictionary", tmp_path / "none.xml", stdin=REJECTED)
    assert result.exit_code == 2
    assert "No such file" in result.stderr
