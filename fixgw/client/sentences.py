"""What a message says, in a few words."""

from __future__ import annotations

from collections.abc import Callable

from fixgw.client.message import Message
from fixgw.client.names import Names

SIDES = {"1": "buy", "2": "sell"}
_REPORTS = {
    "0": "ACCEPTED",
    "3": "DONE FOR DAY",
    "4": "CANCELLED",
    "5": "REPLACED",
    "6": "PENDING CANCEL",
    "7": "STOPPED",
    "8": "REJECTED",
    "9": "SUSPENDED",
    "A": "PENDING",
    "C": "EXPIRED",
    "D": "RESTATED",
    "E": "PENDING REPLACE",
    "F": "FILL",
    "G": "TRADE CORRECTED",
    "H": "TRADE CANCELLED",
    "I": "STATUS",
    "L": "TRIGGERED",
}
_KINDS = {
    **{"1": "market", "3": "stop", "4": "stop limit", "K": "market to limit"},
    "P": "pegged",
}
_DONE_TRADES = frozenset({"F", "G", "H"})
_DEAD = frozenset("34C")  # ExecType(150) after which nothing is left


def printable(value: str) -> str:
    """The value, with an escape for each character that could move a terminal."""
    if value.isprintable():
        return value
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in value)


def sentence(message: Message, names: Names) -> str:
    """What the message says, in a few words; empty when it is only its fields."""
    tell: Callable[[Message, Names], str] | None = _SENTENCES.get(message.type)
    return printable(tell(message, names)) if tell is not None else ""


def describe(message: Message) -> str:
    """``buy 100 ACME @ 10.00`` of an order or a report, as far as the fields go."""
    price, stop = message.get(44), message.get(99)
    words = (
        SIDES.get(message.get(54), ""),
        message.get(38),
        message.get(55),
        _KINDS.get(message.get(40), ""),
        stop,
        f"@ {price}" if price else "",
    )
    return " ".join(word for word in words if word)


def _say_order(message: Message, names: Names) -> str:
    return f"{describe(message)} as {message.get(11)}"


def _say_change(message: Message, names: Names) -> str:
    what = "cancel" if message.type == "F" else "replace"
    by = f"{what} {message.get(41)} as {message.get(11)}"
    return by if message.type == "F" else f"{by}: {describe(message)}"


def _say_all(message: Message, names: Names) -> str:
    what = "cancel" if message.type == "q" else "tell of"
    words = (what, "all", SIDES.get(message.get(54), ""), message.get(55))
    return " ".join(word for word in words if word)


def _say_cancelled_all(message: Message, names: Names) -> str:
    if message.get(531) == "0":
        return f"MASS CANCEL REJECTED{_reason(message, names, 532)}"
    return f"{message.get(533, 'all')} CANCELLED"


def _say_report(message: Message, names: Names) -> str:
    kind = message.get(150)
    word = _REPORTS.get(kind, "REPORT")
    if kind in _DONE_TRADES:
        side = SIDES.get(message.get(54), "")
        traded = f"{message.get(32)} {message.get(55)} @ {message.get(31)}"
        return f"{word} {side} {traded}, {message.get(151)} left"
    reason = _reason(message, names, 103)
    if message.get(911) == "0":  # a mass status request that found nothing
        return f"{word}{reason}"
    if kind == "8":
        return f"{word} {describe(message)}{reason}"
    count = f"{message.get(14)} filled" if kind in _DEAD else f"{message.get(151)} left"
    return f"{word} {describe(message)}, {count}{reason}"


def _say_cancel_reject(message: Message, names: Names) -> str:
    what = "REPLACE" if message.get(434) == "2" else "CANCEL"
    return f"{what} REJECTED {message.get(41)}{_reason(message, names, 102)}"


def _say_reject(message: Message, names: Names) -> str:
    code = 373 if message.type == "3" else 380
    tag = message.get(371)
    name = names.field_name(int(tag)) if tag.isdecimal() and len(tag) < 10 else None
    about = f", {name or 'tag'}({tag})" if tag else ""
    return f"REJECTED message #{message.get(45)}{about}{_reason(message, names, code)}"


def _say_logon(message: Message, names: Names) -> str:
    reset = ", numbers start again" if message.get(141) == "Y" else ""
    return f"heartbeat every {message.get(108)} s{reset}"


def _say_resend(message: Message, names: Names) -> str:
    end = message.get(16)
    return f"asks for #{message.get(7)} to {'the end' if end == '0' else '#' + end}"


def _say_sequence(message: Message, names: Names) -> str:
    what = "nothing to resend" if message.get(123) == "Y" else "reset"
    return f"{what}, next is #{message.get(36)}"


def _reason(message: Message, names: Names, code: int) -> str:
    text, value = message.get(58), message.get(code)
    return (
        f": {text or names.enum_name(code, value) or f'reason {value}'}"
        if (text or value)
        else ""
    )


_SENTENCES = {
    "D": _say_order,
    "F": _say_change,
    "G": _say_change,
    "q": _say_all,
    "AF": _say_all,
    "r": _say_cancelled_all,
    "8": _say_report,
    "9": _say_cancel_reject,
    "3": _say_reject,
    "j": _say_reject,
    "A": _say_logon,
    "2": _say_resend,
    "4": _say_sequence,
    "5": lambda message, names: message.get(58),
    "0": lambda message, names: message.get(112),
    "1": lambda message, names: message.get(112),
}
