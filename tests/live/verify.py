"""What must be true of a session's whole history, whatever happened to the exchange."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from engine.codes import EventKind, Reason
from engine.records import UNIT, OrderEvent
from fixgw.orders.reasons import REASONS
from fixgw.session.identity import SessionId
from tests.live.initiator import Initiator, Received

EXEC_TYPE = {
    EventKind.ACCEPTED: "0",
    EventKind.REJECTED: "8",
    EventKind.FILLED: "F",
    EventKind.CANCELLED: "4",
    EventKind.REPLACED: "5",
    EventKind.EXPIRED: "C",
}


def check_numbers(messages: Sequence[Received]) -> None:
    """QuickFIX handed over each number once, in ascending order."""
    seqs = [message.seq for message in messages]
    assert seqs == sorted(set(seqs))


def check_wire(client: Initiator) -> None:
    """No number ever carried two bodies, and no GapFill covers an application message.

    Not for sessions whose numbers were reset.
    """
    first: dict[int, Received] = {}
    filled: set[int] = set()
    for message in client.received():
        if message.msg_type == "4":
            assert message.get(123) == "Y", f"numbers were reset: {message}"
            filled.update(range(message.seq, int(message[36])))
            continue
        known = first.setdefault(message.seq, message)
        assert known.content == message.content, f"{known}\n{message}"
    lost = [str(m) for seq, m in first.items() if seq in filled and m.msg_type in "89j"]
    assert not lost, lost


def check_orders(client: Initiator, sent: Iterable[str]) -> set[str]:
    """Each order was accepted exactly once, or refused and not accepted.

    Returns the refused ones, all by BusinessMessageReject(j) with 380=4.
    """
    accepted = Counter(m[11] for m in client.messages if m.get(150) == "0")
    refused = Counter()
    for message in client.messages:
        assert message.msg_type in "8j", str(message)
        assert message.get(150) != "8", str(message)
        if message.msg_type == "j":
            assert message[380] == "4", str(message)
            refused[message[379]] += 1
    answers = {order: accepted[order] + refused[order] for order in sent}
    wrong = {
        order: (f"{accepted[order]} times accepted, {refused[order]} times refused")
        for order, number in answers.items()
        if number != 1
    }
    assert not wrong, wrong
    assert accepted.keys() | refused.keys() <= answers.keys()
    return set(refused)


def check_executions(messages: Sequence[Received]) -> None:
    """What one client was told about each of its orders adds up."""
    by_order: dict[str, list[Received]] = defaultdict(list)
    for message in messages:
        if message.msg_type == "8":
            by_order[message[37]].append(message)
    exec_ids = Counter(m[17] for m in messages if m.msg_type == "8")
    assert max(exec_ids.values(), default=1) == 1, exec_ids.most_common(3)
    for reports in by_order.values():
        cum, value = Decimal(0), Decimal(0)
        for report in reports:
            if report[150] == "F":
                cum += Decimal(report[32])
                value += Decimal(report[32]) * Decimal(report[31])
            assert Decimal(report[14]) == cum, str(report)
            average = value / cum if cum else Decimal(0)
            average = average.quantize(Decimal("1e-8"), ROUND_HALF_UP)
            assert Decimal(report[6]) == average, str(report)
            if report[39] in "01":
                assert Decimal(report[151]) == Decimal(report[38]) - cum, str(report)
            elif report[39] == "2":
                assert Decimal(report[38]) == cum, str(report)


def trades(messages: Iterable[Received]) -> dict[str, list[Received]]:
    """The fills of each trade."""
    found: dict[str, list[Received]] = defaultdict(list)
    for message in messages:
        if message.get(150) == "F":
            found[message[527]].append(message)
    return found


def check_trades(clients: Sequence[Initiator]) -> int:
    """Both sides of each trade were told, and told the same; how many there are."""
    found = trades(message for client in clients for message in client.messages)
    for fills in found.values():
        shown = "\n".join(map(str, fills))
        assert sorted(fill[54] for fill in fills) == ["1", "2"], shown
        assert len({(fill[31], fill[32], fill[55]) for fill in fills}) == 1, shown
        assert len({fill[17] for fill in fills}) == 2, shown
    return len(found)


def both_sides_are_told(clients: Sequence[Initiator]) -> bool:
    """No trade is known to one side only."""
    found = trades(message for client in clients for message in client.messages)
    return all(len(fills) == 2 for fills in found.values())


def check_log(
    messages: Sequence[Received], name: str, events: Mapping[int, Sequence[Any]]
) -> None:
    """``name`` was told exactly what the shards' logs hold for it, in their order."""
    key = SessionId("FIX.4.4", "EXCHANGE", name).key
    for shard, log in events.items():
        wanted = [
            expected(shard, event)
            for event in log
            if isinstance(event, OrderEvent)
            and event.session == key
            and event.kind in EXEC_TYPE
        ]
        told = [
            comparable(message)
            for message in messages
            if message.msg_type == "8" and message[17].startswith(f"{shard}-")
        ]
        assert told == wanted
    accepted = Counter(
        event.cl_ord_id
        for log in events.values()
        for event in log
        if event.kind == EventKind.ACCEPTED and event.session == key
    )
    assert max(accepted.values(), default=1) == 1


def comparable(report: Received) -> dict[int, object]:
    """An ExecutionReport, amounts as numbers, without texts and times."""
    body = {tag: v for tag, v in report.body.items() if tag not in (58, 60)}
    amounts = (6, 14, 31, 32, 38, 44, 151)
    return {
        tag: Decimal(value) if tag in amounts else value for tag, value in body.items()
    }


def expected(shard: int, event: OrderEvent) -> dict[int, object]:
    """The report this event should have become, from the event alone."""
    fields: dict[int, object] = {
        6: amount(event.avg_price),
        11: event.cl_ord_id,
        14: amount(event.cum_qty),
        17: f"{shard}-{event.seq}",
        37: identifier(event.order_id),
        38: amount(event.qty),
        39: chr(event.ord_status),
        40: chr(event.ord_type),
        54: chr(event.side),
        55: event.symbol,
        59: chr(event.time_in_force),
        150: EXEC_TYPE[EventKind(event.kind)],
        151: amount(event.leaves_qty),
    }
    if event.account:
        fields[1] = event.account
    if event.orig_cl_ord_id:
        fields[41] = event.orig_cl_ord_id
    if event.price:
        fields[44] = amount(event.price)
    if event.reason == Reason.CANCELLED_BY_EXCHANGE:
        fields[378] = "8"
    if event.kind == EventKind.FILLED:
        fields[31] = amount(event.last_price)
        fields[32] = amount(event.last_qty)
        fields[527] = identifier(event.trade_id)
        fields[851] = str(event.liquidity)
    if event.kind == EventKind.REJECTED:
        assert event.reason != Reason.NONE
        fields[103] = str(REASONS[Reason(event.reason)].ord_rej_reasons[0])
    return fields


def amount(units: int) -> Decimal:
    """The number a record's integer stands for."""
    return Decimal(units) / UNIT


def identifier(number: int) -> str:
    """The printed form of an OrderID or TradeID."""
    return f"{number >> 48}-{number & (1 << 48) - 1}"
