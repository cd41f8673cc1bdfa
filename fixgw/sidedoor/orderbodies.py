"""The bodies of requests about orders: what a record could not carry, or would ignore,
is refused here, each field with its own sentence."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from engine.records import STP_ID_BYTES
from fixgw.orders.deadman import TIMEOUT_MS_MAX, TIMEOUT_MS_MIN
from fixgw.sidedoor.commands import NewOrder, Replacement
from fixgw.sidedoor.schemas import ClientOrderId, Decimal, RequestBody, Symbol
from fixgw.sidedoor.text import INT64_MAX
from fixgw.sidedoor.words import (
    FIELDS,
    INSTRUCTIONS,
    PEGS,
    RULES,
    SELF_TRADES,
    SIDES,
    TIMES_IN_FORCE,
    TRAILING,
    TYPES,
    Rule,
)

TypeWord = Literal["limit", "market", "stop", "stop_limit", "market_to_limit", "pegged"]
TimeInForceWord = Literal["day", "gtc", "ioc", "fok", "gtd", "opg", "atc", "gfa"]
SelfTradeWord = Literal["cancel_newest", "cancel_oldest", "cancel_both", "decrement"]

_Time = Annotated[
    int, Field(ge=1, le=INT64_MAX, description="Nanoseconds since the epoch, UTC.")
]


def _variant(name: str, rule: Rule) -> dict[str, Any]:
    """What one type must have and may not have, as JSON Schema."""
    properties: dict[str, Any] = {"type": {"const": name}}
    for field in FIELDS:
        if field in rule.must:
            properties[field] = {"type": "string"}
        elif not rule.takes(field):
            properties[field] = {"type": "null"}
    variant: dict[str, Any] = {
        "properties": properties,
        "required": ["type", *rule.must],
    }
    if rule.either:
        variant["anyOf"] = [
            {"properties": {field: {"type": "string"}}, "required": [field]}
            for field in rule.either
        ]
    return variant


_EXPIRY: list[Any] = [
    {
        "properties": {
            "time_in_force": {"const": "gtd"},
            "expire_ns": {"type": "integer"},
        },
        "required": ["time_in_force", "expire_ns"],
    },
    {
        "properties": {
            "time_in_force": {"enum": [w for w in TIMES_IN_FORCE if w != "gtd"]},
            "expire_ns": {"type": "null"},
        }
    },
]


class NewOrderBody(RequestBody):
    """An order to enter."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [_variant(name, rule) for name, rule in RULES.items()],
            "allOf": [{"oneOf": _EXPIRY}],
        }
    )

    client_order_id: ClientOrderId
    symbol: Symbol
    side: Literal["buy", "sell"]
    type: TypeWord
    time_in_force: TimeInForceWord = Field(
        default="day", description="What a market order does not fill never rests."
    )
    qty: Decimal
    price: Decimal | None = Field(
        default=None,
        validate_default=True,
        description="Limit price. Limit and stop-limit orders have one, a pegged order "
        "may have one, others have none.",
    )
    trailing_offset: Decimal | None = Field(
        default=None,
        validate_default=True,
        description="Of a stop: its stop price follows the market at this distance.",
    )
    stop_price: Decimal | None = Field(
        default=None,
        validate_default=True,
        description="Last price at which a stop becomes a market or limit order. One "
        "that trails may leave it out: it begins at the last price.",
    )
    peg: Literal["primary", "midpoint"] | None = Field(
        default=None,
        validate_default=True,
        description="What a pegged order follows: the best price of its own side, or "
        "the middle between both.",
    )
    peg_offset: Decimal | None = Field(
        default=None,
        validate_default=True,
        description="Added to what a primary peg follows, away from the other side.",
    )
    expire_ns: _Time | None = Field(
        default=None,
        validate_default=True,
        description="When a `gtd` order expires, nanoseconds since the epoch, UTC.",
    )
    display_qty: Decimal | None = Field(
        default=None, description="How much of it others see at a time: an iceberg."
    )
    min_qty: Decimal | None = Field(
        default=None, description="Cancelled unless so much trades at once."
    )
    post_only: bool = Field(
        default=False, description="Refused where it would trade at once."
    )
    hidden: bool = Field(default=False, description="Not shown to anybody.")
    all_or_none: bool = Field(
        default=False, description="Trades as a whole or not at all; not shown."
    )
    self_trade: SelfTradeWord | None = Field(
        default=None,
        description="What happens instead of a trade with an order of the same owner.",
    )
    self_trade_id: (
        Annotated[str, Field(pattern=rf"^[!-~]{{1,{STP_ID_BYTES}}}$")] | None
    ) = Field(
        default=None,
        description="Orders with the same are of one owner; without it, those of the "
        "account.",
    )

    @field_validator(*FIELDS, mode="after")
    @classmethod
    def _fits_the_type(cls, value: Any, info: ValidationInfo) -> Any:
        kind, name = info.data.get("type"), str(info.field_name)
        if kind is None:
            return value
        rule = RULES[kind]
        missing = name in rule.must or (
            name in rule.either[-1:]
            and not any(info.data.get(other) for other in rule.either)
        )
        if value is None and missing:
            raise PydanticCustomError(
                "field_missing", "is needed by a {kind} order", {"kind": kind}
            )
        if value is not None and not rule.takes(name):
            raise PydanticCustomError(
                "field_given",
                "a {kind} order has no {name}",
                {"kind": kind, "name": name},
            )
        return value

    @field_validator("expire_ns", mode="after")
    @classmethod
    def _fits_the_time(cls, value: int | None, info: ValidationInfo) -> int | None:
        force = info.data.get("time_in_force")
        if force == "gtd" and value is None:
            raise PydanticCustomError("time_missing", "is needed by a gtd order")
        if force not in (None, "gtd") and value is not None:
            raise PydanticCustomError(
                "time_given", "a {force} order has none", {"force": force}
            )
        return value

    def order(self) -> NewOrder:
        """The same in the terms of records."""
        exec_inst = sum(
            bit for name, bit in INSTRUCTIONS.items() if getattr(self, name)
        )
        if self.peg is not None:
            exec_inst |= PEGS[self.peg]
        if self.trailing_offset is not None:
            exec_inst |= TRAILING
        return NewOrder(
            client_order_id=self.client_order_id,
            symbol=self.symbol,
            side=SIDES[self.side],
            ord_type=TYPES[self.type],
            time_in_force=TIMES_IN_FORCE[self.time_in_force],
            qty=self.qty,
            price=self.price or 0,
            stop_price=self.stop_price or 0,
            display_qty=self.display_qty or 0,
            min_qty=self.min_qty or 0,
            peg_offset=self.trailing_offset or self.peg_offset or 0,
            expire_time=self.expire_ns or 0,
            exec_inst=exec_inst,
            stp=SELF_TRADES[self.self_trade] if self.self_trade else 0,
            stp_id=self.self_trade_id or "",
        )


class ReplaceBody(RequestBody):
    """What an order shall become. What is left out stays, but for `price`: limit and
    stop-limit orders need one."""

    new_client_order_id: ClientOrderId
    qty: Decimal = Field(
        description="New total quantity, what was filled included. At or below that "
        "the rest is cancelled."
    )
    price: Decimal | None = Field(
        default=None, description="Limit price; ignored where the type has none."
    )
    stop_price: Decimal | None = Field(
        default=None, description="Of a stop that has not been triggered."
    )
    display_qty: Decimal | None = Field(default=None, description="Of an iceberg.")
    offset: Decimal | None = Field(
        default=None, description="`peg_offset` or `trailing_offset`."
    )
    time_in_force: Literal["day", "gtc", "gtd"] | None = None
    expire_ns: _Time | None = None

    def replacement(self) -> Replacement:
        """The same in the terms of records."""
        force = self.time_in_force
        return Replacement(
            self.new_client_order_id,
            self.qty,
            self.price or 0,
            stop_price=self.stop_price or 0,
            display_qty=self.display_qty or 0,
            peg_offset=self.offset or 0,
            time_in_force=TIMES_IN_FORCE[force] if force else 0,
            expire_time=self.expire_ns or 0,
        )


class CancelAfterBody(RequestBody):
    """When to cancel everything, unless this is said again before."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"properties": {"timeout_ms": {"const": 0}}},
                {"properties": {"timeout_ms": {"minimum": TIMEOUT_MS_MIN}}},
            ]
        }
    )

    timeout_ms: Annotated[int, Field(ge=0, le=TIMEOUT_MS_MAX)] = Field(
        description=f"From now on, at least {TIMEOUT_MS_MIN}; 0 takes it back."
    )

    @field_validator("timeout_ms", mode="after")
    @classmethod
    def _is_no_trifle(cls, value: int) -> int:
        if 0 < value < TIMEOUT_MS_MIN:
            raise PydanticCustomError(
                "timeout_short",
                "is 0, or at least {least}",
                {"least": TIMEOUT_MS_MIN},
            )
        return value
