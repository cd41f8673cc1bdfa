"""How a page is described in the OpenAPI document: what it takes, gives and refuses.

Bodies and queries are read by the pages themselves, after the signature was checked, so
FastAPI does not know of them: here is said what it would have found out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel

from fixgw.sidedoor.answers import ErrorAnswer
from fixgw.sidedoor.errors import ENGINE, ERRORS

SIGNED: list[dict[str, list[str]]] = [
    {"FixgwKey": [], "FixgwTimestamp": [], "FixgwSignature": []}
]
"""The three headers of a signed request; see SECURITY_SCHEMES."""

SECURITY_SCHEMES = {
    "FixgwKey": {"type": "apiKey", "in": "header", "name": "FIXGW-KEY"},
    "FixgwTimestamp": {"type": "apiKey", "in": "header", "name": "FIXGW-TIMESTAMP"},
    "FixgwSignature": {"type": "apiKey", "in": "header", "name": "FIXGW-SIGNATURE"},
}

_OF_SIGNED = (
    "KEY_MISSING",
    "KEY_UNKNOWN",
    "KEY_DISABLED",
    "TIMESTAMP_INVALID",
    "TIMESTAMP_OUTSIDE_WINDOW",
    "SIGNATURE_INVALID",
    "REPLAYED",
    "ROLE_INSUFFICIENT",
    "REQUEST_TIMEOUT",
    "BODY_TOO_LARGE",
    "KEYS_UNAVAILABLE",
)
_OF_BODIES = ("INVALID_JSON", "INVALID_REQUEST", "UNSUPPORTED_MEDIA_TYPE")

_bodies: dict[str, type[BaseModel]] = {}


def described(
    operation_id: str,
    model: type[BaseModel],
    *,
    body: type[BaseModel] | None = None,
    query: type[BaseModel] | None = None,
    errors: Iterable[str] = (),
    also: dict[int, str] | None = None,
    signed: bool = True,
    limited: bool = True,
) -> dict[str, Any]:
    """The keyword arguments of a FastAPI route.

    ``model`` is what a success holds, ``errors`` are the codes of its own; one of the
    engine's stands for all of them. ``also`` are further statuses with that model.
    """
    codes = [*errors, "INTERNAL_ERROR"]
    if any(ERRORS[code].status == 422 and code in ENGINE for code in codes):
        codes += [code for code, meaning in ENGINE.items() if meaning.status == 422]
    if query is not None:
        codes.append("INVALID_REQUEST")
    if body is not None:
        codes += _OF_BODIES
    if signed:
        codes += _OF_SIGNED
    if limited:
        codes.append("RATE_LIMITED")
    responses: dict[Any, dict[str, Any]] = {
        status: {"model": model, "description": text}
        for status, text in (also or {}).items()
    }
    for code in dict.fromkeys(codes):
        status = 404 if code == "UNKNOWN_SYMBOL" and not signed else ERRORS[code].status
        response = responses.setdefault(status, {"model": ErrorAnswer})
        told = response.get("description")
        response["description"] = f"{told}, `{code}`" if told else f"`{code}`"
    responses = dict(sorted(responses.items()))
    responses["default"] = {"model": ErrorAnswer, "description": "Any other error."}
    extra: dict[str, Any] = {}
    if body is not None:
        _bodies[body.__name__] = body
        reference = {"$ref": f"#/components/schemas/{body.__name__}"}
        content = {"application/json": {"schema": reference}}
        extra["requestBody"] = {"required": True, "content": content}
    if query is not None:
        extra["parameters"] = list(_parameters(query))
    if signed:
        extra["security"] = SIGNED
    return {
        "operation_id": operation_id,
        "summary": operation_id.replace("_", " ").capitalize(),
        "response_model": model,
        "responses": responses,
        "openapi_extra": extra,
    }


def body_schemas() -> dict[str, Any]:
    """The schemas of all bodies that routes were described with."""
    return {
        name: model.model_json_schema(ref_template="#/components/schemas/{model}")
        for name, model in sorted(_bodies.items())
    }


def _parameters(query: type[BaseModel]) -> Iterable[dict[str, Any]]:
    schema = query.model_json_schema()
    for name, part in schema.get("properties", {}).items():
        # An optional parameter is one that may be left out, not one that may be null.
        kinds = [kind for kind in part.get("anyOf", [part]) if kind != {"type": "null"}]
        shown = {key: part[key] for key in ("default", "examples") if key in part}
        shown = {key: value for key, value in shown.items() if value is not None}
        described_by = {key: kinds[0][key] for key in kinds[0] if key != "title"}
        text = described_by.pop("description", part.get("description", ""))
        found = {"name": name, "in": "query", "required": False}
        yield {
            **found,
            **({"description": text} if text else {}),
            "schema": {**described_by, **shown},
        }
