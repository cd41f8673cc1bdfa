"""Everything the side door can refuse with: stable codes, one sentence each.

A code of the engine's is the name of its Reason, its text the one of
``fixgw.orders.reasons``: the same cause has the same name and words on every way in.
``spec/side_door.md`` shows this table, and a test holds it to it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from engine.codes import Reason
from fixgw.orders.reasons import REASONS


class ApiError(Exception):
    """A request that is answered with an error.

    ``extra`` are further members of the error object, such as ``fields`` (what is
    wrong with each) or ``order`` (the order as it is).
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        headers: dict[str, str] | None = None,
        extra: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}
        self.extra = extra or {}


class Meaning(NamedTuple):
    """What a code says, and with which HTTP status."""

    status: int
    text: str


OWN: dict[str, Meaning] = {
    # The request itself.
    "INVALID_HTTP": Meaning(400, "This is no HTTP/1.1 request."),
    "INVALID_JSON": Meaning(400, "The body is not one JSON object."),
    "INVALID_REQUEST": Meaning(
        400, "Fields of the body or the query are wrong; `fields` names each and why."
    ),
    "NOT_FOUND": Meaning(404, "There is nothing at this path."),
    "METHOD_NOT_ALLOWED": Meaning(
        405, "The path does not take this method; `Allow` names those it takes."
    ),
    "REQUEST_TIMEOUT": Meaning(408, "The body did not arrive in time."),
    "BODY_TOO_LARGE": Meaning(413, "The body is longer than any request needs."),
    "UNSUPPORTED_MEDIA_TYPE": Meaning(
        415, "A body must be `application/json` without a content encoding."
    ),
    # Who asks, and how often.
    "KEY_MISSING": Meaning(
        401, "A signed request has `FIXGW-KEY`, `FIXGW-TIMESTAMP`, `FIXGW-SIGNATURE`."
    ),
    "KEY_UNKNOWN": Meaning(401, "There is no such API key."),
    "KEY_DISABLED": Meaning(401, "The API key was disabled by an operator."),
    "TIMESTAMP_INVALID": Meaning(
        401, "`FIXGW-TIMESTAMP` is not a whole number of milliseconds since 1970."
    ),
    "TIMESTAMP_OUTSIDE_WINDOW": Meaning(
        401, "The timestamp is too far from the exchange's clock; see `GET /v1/time`."
    ),
    "SIGNATURE_INVALID": Meaning(
        401, "The signature is not that of this request with this key's secret."
    ),
    "REPLAYED": Meaning(
        401, "This very request was received before; sign a retry with a new time."
    ),
    "ROLE_INSUFFICIENT": Meaning(403, "The key may read but not trade."),
    "RATE_LIMITED": Meaning(
        429, "Too many requests; `Retry-After` says when the next is taken."
    ),
    "KEYS_UNAVAILABLE": Meaning(503, "API keys cannot be read at the moment."),
    # Orders.
    "CLIENT_ORDER_ID_REUSED": Meaning(
        409, "This client_order_id was used today, for something else."
    ),
    "OPEN_ORDERS_LIMIT": Meaning(422, "The account has as many open orders as it may."),
    "SHARD_UNAVAILABLE": Meaning(
        503, "The engine of this symbol cannot be reached. Nothing was sent to it."
    ),
    "OUTCOME_UNKNOWN": Meaning(
        504, "It was sent, and no answer came in time. Ask for the order by its id."
    ),
    # The side door itself.
    "OVERLOADED": Meaning(503, "Too much is under way; nothing was sent. Try later."),
    "INTERNAL_ERROR": Meaning(
        500, "A fault of the side door. Quote the request_id when reporting it."
    ),
}
"""Codes of the side door itself."""

_STATUS_OF_REASON: dict[int, int] = {Reason.UNKNOWN_ORDER: 404, Reason.TOO_LATE: 409}
"""What the engine refuses has 422 unless it stands here."""

ENGINE: dict[str, Meaning] = {
    reason.name: Meaning(_STATUS_OF_REASON.get(reason, 422), REASONS[reason].text)
    for reason in (
        Reason.UNKNOWN_SYMBOL,
        Reason.TRADING_HALTED,
        Reason.MARKET_CLOSED,
        Reason.NOT_IN_THIS_PHASE,
        Reason.BLOCKED,
        Reason.UNSUPPORTED_COMBINATION,
        Reason.UNSUPPORTED_TIME_IN_FORCE,
        Reason.QTY_NOT_POSITIVE,
        Reason.QTY_OFF_LOT,
        Reason.QTY_BELOW_MIN,
        Reason.QTY_ABOVE_MAX,
        Reason.DISPLAY_QTY_INVALID,
        Reason.MIN_QTY_INVALID,
        Reason.PRICE_NOT_POSITIVE,
        Reason.PRICE_OFF_TICK,
        Reason.PRICE_BELOW_MIN,
        Reason.PRICE_ABOVE_MAX,
        Reason.PRICE_OUTSIDE_BAND,
        Reason.NOTIONAL_ABOVE_MAX,
        Reason.STOP_PRICE_INVALID,
        Reason.NO_REFERENCE_PRICE,
        Reason.PEG_OFFSET_INVALID,
        Reason.EXPIRE_TIME_INVALID,
        Reason.POST_ONLY_WOULD_TRADE,
        Reason.OPEN_QTY_ABOVE_MAX,
        Reason.LIMIT_ORDER_QTY,
        Reason.LIMIT_NOTIONAL,
        Reason.LIMIT_OPEN_ORDERS,
        Reason.LIMIT_RATE,
        Reason.LIMIT_POSITION,
        Reason.UNKNOWN_ORDER,
        Reason.TOO_LATE,
    )
}
"""Codes of the engine, by the names of its reasons: those that a request of this API
can meet. The others are about fields that it fills in itself."""

ERRORS: dict[str, Meaning] = {**OWN, **ENGINE}

REQUESTED_TEXT = "cancelled at the account's request"
"""FIX says nothing here; a JSON object with an empty text would look like a fault."""

_SHOWN: dict[int, dict[str, str]] = {
    int(reason): {"code": reason.name, "text": REASONS[reason].text or REQUESTED_TEXT}
    for reason in Reason
    if reason in REASONS and reason is not Reason.NONE
}


def reason_shown(reason: int) -> dict[str, str] | None:
    """Why an order ended or was refused, as JSON; None where there is no reason."""
    if not reason:
        return None
    return _SHOWN.get(reason) or {"code": f"REASON_{reason}", "text": ""}


def refusal(reason: int, **extra: Any) -> ApiError:
    """The error of a request that the engine refused."""
    shown = reason_shown(reason) or {"code": "NONE", "text": "refused"}
    status = _STATUS_OF_REASON.get(reason, 422)
    return ApiError(status, shown["code"], shown["text"], extra=extra)


def error(
    code: str,
    message: str = "",
    *,
    headers: dict[str, str] | None = None,
    **extra: Any,
) -> ApiError:
    """An error of the table; ``message`` instead of its sentence where more is known.

    Raises KeyError for a code that is not in the table.
    """
    meaning = ERRORS[code]
    return ApiError(meaning.status, code, message or meaning.text, headers, extra)


def unknown_symbol(symbol: str) -> ApiError:
    """The symbol of a path is not traded here: there is no such page, so 404."""
    code = Reason.UNKNOWN_SYMBOL.name
    message = f"{symbol!r} is not traded here; GET /v1/instruments lists what is"
    return ApiError(404, code, message)
