"""The OpenAPI document: current, and what is served is what it says."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from fixgw.sidedoor.client import Signer
from fixgw.sidedoor.errors import ERRORS
from fixgw.sidedoor.openapi import PATH, rendered
from fixgw.sidedoor.signing import signed_headers
from tests.sidedoor.door import Door, opened

EXAMPLES = 12
"""Per operation, once of what the document allows and once of what it does not: all of
it is done in some 20 seconds."""

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


def test_the_document_is_current() -> None:
    assert PATH.read_text() == rendered(), "run: python -m fixgw.sidedoor.openapi"


def test_every_code_is_told_where_it_can_come() -> None:
    document = json.loads(PATH.read_text())
    told = json.dumps(document["paths"])
    by_the_server = {"INVALID_HTTP", "NOT_FOUND", "METHOD_NOT_ALLOWED"}
    for code in set(ERRORS) - by_the_server:
        assert f"`{code}`" in told, code


def test_the_page_for_authors_names_every_endpoint() -> None:
    text = PATH.with_name("side_door.md").read_text()
    rows = re.findall(
        r"^\| (`(?:GET|POST|PUT|DELETE) .+?) \| (.+?) \| (.+?) \|", text, re.M
    )
    told: dict[str, tuple[str, str]] = {}
    for paths, role, limit in rows:
        method = paths.split()[0].strip("`")
        for path in re.findall(r"(/[^`]*)`", paths):
            told[f"{method} {path}"] = role, limit
    document = json.loads(PATH.read_text())
    for path, method in OPERATIONS:
        role, limit = told.pop(f"{method} {path}")
        operation = document["paths"][path][method.lower()]
        assert (role != "-") == ("security" in operation), path
        assert (limit != "none") == ("429" in operation["responses"]), path
    assert set(told) == {"GET /v1/openapi.json", "GET /v1/ws"}


class SigningHook(requests.auth.AuthBase):
    """Signs what is about to be sent, whatever it is."""

    def __init__(self, door: Door) -> None:
        key = door.key()
        self._key, self._secret = key.key_id, key.secret
        self._signer = Signer(key.key_id, key.secret, door.exchange.clock)

    def __call__(self, prepared: requests.PreparedRequest) -> requests.PreparedRequest:
        parts = urlsplit(str(prepared.url))
        body = prepared.body or b""
        prepared.headers.update(
            signed_headers(
                self._key,
                self._secret,
                self._signer.timestamp_ms(),
                str(prepared.method),
                parts.path,
                parts.query,
                body.encode() if isinstance(body, str) else body,
            )
        )
        return prepared


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """A side door that runs in a thread of its own, with a few orders in it."""
    folder = tmp_path_factory.mktemp("openapi")
    made: list[Door] = []
    ready, end = threading.Event(), threading.Event()

    async def main() -> None:
        async with opened(folder) as running:
            alice, bob = running.client(), running.client("BOB")
            for number in range(3):
                await alice.new_order(f"a-{number}", "XYZ", "buy", "2", "10")
            await bob.new_order("b-1", "XYZ", "sell", "3", "10")
            made.append(running)
            ready.set()
            await asyncio.to_thread(end.wait)

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    assert ready.wait(20)
    yield made[0]
    end.set()
    thread.join(20)


OPERATIONS = [
    (path, method.upper())
    for path, item in json.loads(PATH.read_text())["paths"].items()
    for method in item
]


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_what_is_served_is_what_is_written(
    door: Door, path: str, method: str, mode: GenerationMode
) -> None:
    document = json.loads(PATH.read_text())
    # Signing is the hook's: without it every request would be refused alike.
    document["paths"][path][method.lower()].pop("security", None)
    schema = schemathesis.openapi.from_dict(document)
    operation = schema[path][method]
    if mode is GenerationMode.NEGATIVE and not takes_anything(document, path, method):
        return
    checks: list[Callable[..., Any]] = list(CHECKS)
    if mode is GenerationMode.NEGATIVE:
        checks.append(negative_data_rejection)
    hook = SigningHook(door)
    seen: set[int] = set()

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    def ask(case: schemathesis.Case) -> None:
        answer = case.call(base_url=door.url, auth=hook)
        case.validate_response(answer, checks=checks)
        seen.add(answer.status_code)

    ask()
    assert seen
    if "{" not in path and mode is GenerationMode.POSITIVE and method == "GET":
        assert 200 in seen


def takes_anything(document: dict[str, Any], path: str, method: str) -> bool:
    """Whether there is something about a request that can be wrong."""
    operation = document["paths"][path][method.lower()]
    return bool(operation.get("parameters") or operation.get("requestBody"))


def test_answers_without_a_signature_are_told_too(door: Door, tmp_path: Path) -> None:
    document = json.loads(PATH.read_text())
    for path, method in OPERATIONS:
        signed = "security" in document["paths"][path][method.lower()]
        url = door.url + path.replace("{client_order_id}", "a-1")
        answer = requests.request(method, url.replace("{symbol}", "XYZ"), timeout=30)
        if signed:
            assert answer.json()["error"]["code"] == "KEY_MISSING"
            assert answer.status_code == 401
            assert answer.headers["WWW-Authenticate"]
        else:
            assert answer.status_code == 200, answer.text
