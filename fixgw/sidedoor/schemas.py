"""What requests may hold: checked here is only what a record could not carry.

Everything about the market (symbol, tick, lot, limits) is the shard's to judge. All
that is wrong with a request is told at once, each field with its own sentence.
"""

from __future__ import annotations

import difflib
import json
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from engine.decimals import parse
from engine.records import CL_ORD_ID_BYTES, SYMBOL_BYTES
from fixgw.sidedoor.errors import ApiError, error
from fixgw.sidedoor.text import INT64_MAX

PAGE_DEFAULT = 100
PAGE_MAX = 500
"""Orders or fills on one page: about 250 KB."""

DEPTH_MAX = 1_000
"""Levels of each side: about 60 KB."""

TRADES_MAX = 1_000
"""As many as are kept of an instrument: about 200 KB."""

CANDLES_MAX = 1_440
"""As many as are kept of an interval: about 250 KB."""

DECIMAL_CHARS_MAX = 40
"""The longest decimal there is has 20 characters; the rest is zeros nobody needs."""

FIELDS_SHOWN_MAX = 20
"""Faults told at once: as many as the longest request has fields."""

CLIENT_ORDER_ID = rf"^[A-Za-z0-9._:-]{{1,{CL_ORD_ID_BYTES}}}$"
"""Characters that stand in a URL as they are."""

SYMBOL = rf"^[!-~]{{1,{SYMBOL_BYTES}}}$"
"""Printable ASCII. A slash is one: EUR/USD stands in a path as it is, or as %2F."""

DECIMAL = r"^-?([0-9]+\.?[0-9]*|\.[0-9]+)$"


def _decimal(value: object) -> int:
    """A JSON string as units of 1e-8. Raises PydanticCustomError."""
    if not isinstance(value, str):
        raise PydanticCustomError(
            "decimal_type",
            'must be a decimal in quotes, like "10.50": a JSON number may lose digits',
        )
    if len(value) > DECIMAL_CHARS_MAX:
        raise PydanticCustomError(
            "decimal_long", f"has more than {DECIMAL_CHARS_MAX} characters"
        )
    try:
        return parse(value.encode("ascii"))
    except UnicodeEncodeError:
        raise PydanticCustomError("decimal", "is not a decimal number") from None
    except ValueError as fault:
        # Without a context the text is no template: braces in it do nothing.
        raise PydanticCustomError("decimal", str(fault)) from None


Decimal = Annotated[
    int,
    BeforeValidator(_decimal),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": DECIMAL,
            "maxLength": DECIMAL_CHARS_MAX,
            "description": "Decimal number as text, at most 8 decimal places, exact.",
            "examples": ["10.50"],
        }
    ),
]
"""In JSON a string, in Python units of 1e-8."""

ClientOrderId = Annotated[
    str,
    Field(
        pattern=CLIENT_ORDER_ID,
        description="Your own name for the order: 1 to 36 of letters, digits, `.`, "
        "`_`, `:`, `-`. Unique per account and trading day.",
        examples=["alice-2026-11-21-1"],
    ),
]

Symbol = Annotated[str, Field(pattern=SYMBOL, examples=["ACME"])]

PageCursor = Annotated[
    str,
    Field(
        pattern=r"^[0-9]{1,19}-[0-9]{1,5}-[0-9]{1,15}$",
        description="`next` of the page before: gives the one after it.",
    ),
]

PageLimit = Annotated[
    int, Field(ge=1, le=PAGE_MAX, description="Entries on the page at most.")
]


class RequestBody(BaseModel):
    """A JSON object whose every field is known."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class RequestQuery(BaseModel):
    """Query parameters, every one known."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class OrdersQuery(RequestQuery):
    """Which orders to list."""

    symbol: Symbol | None = None
    status: Literal["open", "all"] = "open"
    limit: PageLimit = PAGE_DEFAULT
    before: PageCursor | None = None


class FillsQuery(RequestQuery):
    """Which fills to list."""

    symbol: Symbol | None = None
    limit: PageLimit = PAGE_DEFAULT
    before: PageCursor | None = None


class CancelAllQuery(RequestQuery):
    """Which orders to cancel."""

    symbol: Symbol | None = None
    side: Literal["buy", "sell"] | None = None


class NoQuery(RequestQuery):
    """No parameters at all."""


class BookQuery(RequestQuery):
    """How much of a book."""

    depth: Annotated[int, Field(ge=1, le=DEPTH_MAX)] = 25


class TradesQuery(RequestQuery):
    """Which trades."""

    limit: Annotated[int, Field(ge=1, le=TRADES_MAX)] = PAGE_DEFAULT
    before: Annotated[int, Field(ge=0, description="Only trades with a lower seq.")] = (
        INT64_MAX
    )


class CandlesQuery(RequestQuery):
    """Which candles."""

    interval_s: Literal["60", "300", "3600", "86400"] = "60"
    limit: Annotated[int, Field(ge=1, le=CANDLES_MAX)] = PAGE_DEFAULT


def cursor_of(text: str | None) -> tuple[int, int] | None:
    """The place a ``before`` names: nanoseconds and an identifier."""
    if text is None:
        return None
    time_ns, shard, number = text.split("-")
    return int(time_ns), int(shard) << 48 | int(number)


def cursor_text(cursor: tuple[int, int]) -> str:
    """The same as text."""
    time_ns, identifier = cursor
    return f"{time_ns}-{identifier >> 48}-{identifier & 0xFFFFFFFFFFFF}"


_BodyModel = TypeVar("_BodyModel", bound=RequestBody)
_QueryModel = TypeVar("_QueryModel", bound=RequestQuery)


def read_query(model: type[_QueryModel], pairs: list[tuple[str, str]]) -> _QueryModel:
    """The parameters of a query. Raises ApiError 400."""
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = next(name for name, _ in pairs if [n for n, _ in pairs].count(name) > 1)
        fault = {"field": twice[:64], "message": "is there twice"}
        raise error("INVALID_REQUEST", f"{twice[:64]}: is there twice", fields=[fault])
    try:
        return model.model_validate(found)
    except ValidationError as faults:
        known = list(model.model_fields)
        raise invalid(faults.errors(include_url=False), known) from None


class _Twice(ValueError):
    """A JSON object that has a field twice."""


def read_body(model: type[_BodyModel], data: bytes) -> _BodyModel:
    """The request in a body. Raises ApiError 400."""
    try:
        found = json.loads(
            data, object_pairs_hook=_no_field_twice, parse_constant=_no_constant
        )
    except _Twice as fault:
        raise error("INVALID_JSON", str(fault)) from None
    except (ValueError, RecursionError):
        raise error(
            "INVALID_JSON", "the body is not one JSON object in UTF-8"
        ) from None
    if not isinstance(found, dict):
        raise error("INVALID_JSON", "the body is JSON, but not an object")
    try:
        return model.model_validate(found)
    except ValidationError as fault:
        raise invalid(
            fault.errors(include_url=False), list(model.model_fields)
        ) from None


def _no_field_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _Twice(f"the field {twice[:40]!r} is there twice")
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def invalid(faults: list[ErrorDetails] | list[Any], known: list[str]) -> ApiError:
    """400 that names every faulty field. ``known`` are the names there are."""
    fields = []
    for fault in faults[:FIELDS_SHOWN_MAX]:
        place = [str(part) for part in fault["loc"]]
        if place and place[0] in ("query", "path", "body"):
            place = place[1:]
        name = ".".join(place)[:64]
        fields.append({"field": name, "message": _sentence(fault, name, known)})
    told = "; ".join(f"{field['field']}: {field['message']}" for field in fields[:3])
    more = f"; and {len(faults) - 3} more" if len(faults) > 3 else ""
    return error("INVALID_REQUEST", told + more, fields=fields)


def _sentence(fault: ErrorDetails, name: str, known: list[str]) -> str:
    kind = fault["type"]
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(name, known, n=1)
        if near:
            return f"there is no such field; did you mean {near[0]}?"
        there = ", ".join(known) if known else "none"
        return f"there is no such field; there are: {there}"
    if kind == "missing":
        return "is missing"
    if kind == "string_type":
        return "must be a text in quotes"
    if kind == "string_pattern_mismatch":
        return f"must match {fault['ctx']['pattern']}"
    if kind == "literal_error":
        return f"must be {fault['ctx']['expected']}"
    return fault["msg"]
