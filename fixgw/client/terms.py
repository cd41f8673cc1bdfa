"""What an order may ask for, in words: each word and the FIX fields it becomes."""

from __future__ import annotations

from dataclasses import dataclass, field

from fixgw.client.message import Fields

TIME_IN_FORCE = {
    **{"day": "0", "gtc": "1", "opg": "2", "ioc": "3", "fok": "4"},
    **{"atc": "7", "gfa": "B"},
}

INSTRUCTIONS = {"post": "6", "aon": "G"}
"""ExecInst(18): add liquidity only, all or none."""

KINDS = {
    "market": ("1", ""),
    "mtl": ("K", ""),
    "peg": ("P", "R"),
    "mid": ("P", "M"),
}
"""In the place of a price: OrdType(40) and ExecInst(18)."""

AMOUNTS = {"stop": 99, "trail": 211, "offset": 211, "show": 111, "min": 110}
"""Options that are numbers."""

SELF_TRADE = {"new": "1", "old": "2", "both": "3", "less": "4"}
"""SelfMatchPreventionInstruction(2964): who is cancelled; less: both by the smaller."""

TRAILING = "a"
STOPS = {"1": "3", "2": "4"}
"""OrdType(40) of a stop, by what it becomes."""


@dataclass(slots=True)
class Terms:
    """The terms of one order as they are said, word by word."""

    ord_type: str = ""
    time_in_force: str = ""
    cl_ord_id: str = ""
    account: str = ""
    exec_inst: list[str] = field(default_factory=list)
    others: dict[int, str] = field(default_factory=dict)

    def take(self, name: str, value: str) -> str:
        """Take ``name`` or ``name=value`` in.

        What is wrong, as "expected …" or "this …"; empty if nothing is.
        """
        if not value and name in TIME_IN_FORCE:
            return self._once("time_in_force", TIME_IN_FORCE[name])
        if not value and name in INSTRUCTIONS:
            if INSTRUCTIONS[name] in self.exec_inst:
                return "this was already said"
            self.exec_inst.append(INSTRUCTIONS[name])
            return ""
        if not value and name == "hidden":
            return self._put(111, "0")
        if not value:
            return UNKNOWN
        if name in ("id", "account"):
            return self._once("cl_ord_id" if name == "id" else name, value)
        if name in AMOUNTS:
            if name == "trail":
                self.exec_inst.append(TRAILING)
            if name in ("stop", "trail") and self.ord_type in STOPS:
                self.ord_type = STOPS[self.ord_type]
            return self._put(AMOUNTS[name], value)
        if name == "until":
            return self._once("time_in_force", "6") or self._put(126, value)
        if name == "group":
            return self._put(2362, value)
        if name == "stp":
            if value not in SELF_TRADE:
                return f"expected one of {', '.join(SELF_TRADE)} behind stp="
            return self._put(2964, SELF_TRADE[value])
        return UNKNOWN

    def _once(self, name: str, value: str) -> str:
        if getattr(self, name):
            return "this was already said"
        setattr(self, name, value)
        return ""

    def _put(self, tag: int, value: str) -> str:
        if tag in self.others:
            return "this was already said"
        self.others[tag] = value
        return ""

    @property
    def fields(self) -> Fields:
        """What stands behind the ordinary fields of an order, by tag."""
        others = dict(self.others)
        if self.exec_inst:
            others[18] = " ".join(self.exec_inst)
        return tuple(sorted(others.items()))


UNKNOWN = (
    "expected gtc, ioc, day, fok, opg, atc, gfa, until=TIME, post, hidden, aon, "
    "stop=PRICE, trail=DISTANCE, show=QTY, min=QTY, offset=N, stp=WHO, group=ID, "
    "id=ID or account=NAME"
)
