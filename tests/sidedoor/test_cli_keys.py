"""``fixgw keys`` and ``fixgw api``, as typed in a shell."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from fixgw.sidedoor.keys import ApiKey, KeyFile, Role
from fixgw.sidedoor.signing import read_request
from tests.sidedoor import redis_tools

pytestmark = pytest.mark.processes

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "config"

Run = Callable[..., subprocess.CompletedProcess[str]]


def fixgw(
    *arguments: str | Path, stdin: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    clean = {n: v for n, v in os.environ.items() if not n.startswith("FIXGW_")}
    return subprocess.run(
        [sys.executable, "-m", "fixgw", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=50,
        cwd=ROOT,
        input=stdin,
        env={**clean, **environment},
        check=False,
    )


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The configuration of an exchange of its own."""
    path = tmp_path / "fixgw.toml"
    path.write_text(
        f'sessions = "{CONFIG / "sessions.cfg"}"\n'
        f'instruments = "{CONFIG / "instruments.csv"}"\n'
        'data = "data"\n'
    )
    return path


@pytest.fixture(params=["file", "redis"])
def keys(request: pytest.FixtureRequest, config: Path) -> Run:
    """``fixgw keys`` on a store of either sort."""
    if request.param == "redis":
        url = redis_tools.empty(request.getfixturevalue("redis_server"))
        with config.open("a") as file:
            file.write(f'[redis]\nurl = "{url}"\n')

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return fixgw("keys", *arguments, "--config", config)

    return run


def made(result: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert (result.returncode, result.stderr) == (0, "")
    found: dict[str, Any] = json.loads(result.stdout)
    return found


# -- keys ------------------------------------------------------------------------------


def test_the_life_of_a_key(keys: Run, config: Path) -> None:
    assert "no keys; make one with: fixgw keys create" in keys("list").stdout
    one = made(
        keys(
            "create", "--account", "ALICE", "--role", "trade", "--label", "Ä", "--json"
        )
    )
    two = made(keys("create", "--account", "BOB", "--role", "read", "--json"))
    assert list(one) == [
        *("key", "account", "role", "label", "created_ns", "disabled", "secret")
    ]
    assert re.fullmatch(r"[0-9a-f]{64}", one["secret"])

    result = keys("list", "--json")
    assert json.loads(result.stdout) == [
        {name: key[name] for name in key if name != "secret"} for key in (one, two)
    ]
    result = keys("disable", one["key"])
    assert result.stdout == f"key {one['key']} of account ALICE is disabled\n"
    lines = keys("list").stdout.splitlines()
    assert lines[0].split() == ["KEY", "ACCOUNT", "ROLE", "STATE", "CREATED", "LABEL"]
    assert lines[1].split()[:4] == [one["key"], "ALICE", "trade", "disabled"]
    assert lines[1].endswith(" Ä")
    assert lines[2].split()[:4] == [two["key"], "BOB", "read", "enabled"]
    result = keys("enable", one["key"])
    assert result.stdout == f"key {one['key']} of account ALICE is enabled\n"

    refused = keys("remove", one["key"])
    assert refused.returncode == 2
    assert "add --confirm to do it" in refused.stderr
    assert len(json.loads(keys("list", "--json").stdout)) == 2
    result = keys("remove", one["key"], "--confirm")
    assert (result.returncode, result.stdout) == (0, f"key {one['key']} is removed\n")
    assert [row["key"] for row in json.loads(keys("list", "--json").stdout)] == [
        two["key"]
    ]

    log = (config.parent / "data" / "audit.log").read_text()
    entries = [json.loads(line) for line in log.splitlines()]
    assert [(entry["command"], entry["outcome"]) for entry in entries] == [
        (command, outcome)
        for command in (
            *("keys.create", "keys.create", "keys.disable", "keys.enable"),
            "keys.remove",
        )
        for outcome in ("begun", "done")
    ]
    assert entries[4]["arguments"] == {"key": one["key"]}
    for key in (one, two):
        assert key["secret"] not in log + lines[1] + lines[2]


def test_a_shell_takes_the_output_of_create(config: Path) -> None:
    result = fixgw(
        *("keys", "create", "--account", "ALICE", "--role", "admin"),
        *("--config", config),
    )
    assert (result.returncode, result.stderr) == (0, "")
    script = result.stdout + 'echo "$FIXGW_KEY $FIXGW_SECRET"'
    shell = subprocess.run(
        ["sh", "-c", script], capture_output=True, text=True, check=True, timeout=50
    )
    stored = KeyFile(config.parent / "data/sidedoor/api-keys.json").keys()
    assert shell.stdout.split() == [stored[0].key_id, stored[0].secret]
    assert stored[0].role is Role.ADMIN


def test_many_calls_at_once_lose_nothing(config: Path) -> None:
    """One of them killed at any moment, too."""
    command = [sys.executable, "-m", "fixgw", "keys", "create", "--role", "read"]
    running = [
        subprocess.Popen(
            [*command, "--account", f"A{number}", "--config", str(config)],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
        )
        for number in range(12)
    ]
    running[3].kill()
    codes = [process.wait(timeout=60) for process in running]
    del codes[3]
    assert codes == [0] * 11
    stored = KeyFile(config.parent / "data/sidedoor/api-keys.json").keys()
    accounts = {key.account for key in stored}
    assert accounts - {"A3"} == {f"A{n}" for n in range(12) if n != 3}


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["disable", "nobody"], 1, "there is no key nobody; 'fixgw keys list' shows"),
        (["enable", "../x"], 1, "there is no key ../x"),
        (["remove", "nobody", "--confirm"], 1, "there is no key nobody"),
        (["create", "--account", "A B", "--role", "read"], 2, "is no account name"),
        (["create", "--account", "", "--role", "read"], 2, "is no account name"),
        (["create", "--account", "A", "--role", "boss"], 2, "'boss' is not one of"),
        (["create", "--account", "A"], 2, "Missing option '--role'"),
        (
            ["create", "--account", "A", "--role", "read", "--label", "x" * 65],
            2,
            "at most 64 printable",
        ),
    ],
)
def test_refusals_say_what_to_do(
    keys: Run, arguments: list[str], code: int, text: str
) -> None:
    result = keys(*arguments)
    assert (result.returncode, result.stdout) == (code, "")
    assert text in result.stderr
    assert "Traceback" not in result.stderr


def test_a_damaged_file_is_not_written_over(config: Path) -> None:
    path = config.parent / "data/sidedoor/api-keys.json"
    path.parent.mkdir(parents=True)
    path.write_text("{")
    for arguments in (["list"], ["create", "--account", "A", "--role", "read"]):
        result = fixgw("keys", *arguments, "--config", config)
        assert (result.returncode, result.stdout) == (1, "")
        assert f"{path} is damaged: " in result.stderr
    assert "move it away to begin with no keys" in result.stderr
    assert path.read_text() == "{"


def test_redis_that_is_not_there(config: Path) -> None:
    with config.open("a") as file:
        file.write('[redis]\nurl = "redis://me:hunter2@127.0.0.1:1/0"\n')
    result = fixgw("keys", "list", "--config", config)
    assert (result.returncode, result.stdout) == (1, "")
    assert "redis at 127.0.0.1:1 cannot be used" in result.stderr
    assert "hunter2" not in result.stderr


def test_what_cannot_be_audited_is_not_done(config: Path) -> None:
    (config.parent / "data").mkdir()
    (config.parent / "data" / "audit.log").mkdir()
    result = fixgw(
        *("keys", "create", "--account", "A", "--role", "read", "--config", config)
    )
    assert (result.returncode, result.stdout) == (1, "")
    assert "not done: " in result.stderr
    assert not (config.parent / "data/sidedoor/api-keys.json").exists()


def test_a_configuration_that_is_wrong(config: Path) -> None:
    config.write_text("data = 1")
    result = fixgw("keys", "list", "--config", config)
    assert (result.returncode, result.stdout) == (78, "")
    assert "fixgw.toml" in result.stderr


# -- api -------------------------------------------------------------------------------

KEY = ApiKey("b4f1c09d6e2a7358", "5" * 64, "ALICE", Role.TRADE)
SIGNS = {"FIXGW_KEY": KEY.key_id, "FIXGW_SECRET": KEY.secret}


class Echo(BaseHTTPRequestHandler):
    """Answers with what it got; the status is the last part of the path."""

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path, _, query = self.path.partition("?")
        raw = [(n.encode(), v.encode()) for n, v in self.headers.items()]
        genuine = None
        if "FIXGW-KEY" in self.headers:
            request = read_request(raw, self.command, path, query, body)
            genuine = request.by(KEY.secret)
        told = {
            "method": self.command,
            "target": self.path,
            "body": body.decode(),
            "type": self.headers.get("Content-Type"),
            "genuine": genuine,
            "text": "Ä",
        }
        data = json.dumps(told).encode()
        if path.endswith("/text"):
            data = b"plain"
        status = path.rpartition("/")[2]
        self.send_response(int(status) if status.isdigit() else 200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_DELETE = answer

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def told(result: subprocess.CompletedProcess[str]) -> Any:
    return json.loads(result.stdout.partition("\n")[2])


def test_a_request_is_signed_and_its_answer_shown(url: str) -> None:
    body = '{"symbol": "ACME",  "qty":"1"}'
    result = fixgw("api", "POST", "/v1/orders", body, "--url", url, **SIGNS)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith('200 OK\n{\n  "method": "POST",\n')
    assert '"Ä"' in result.stdout
    assert told(result) == {
        "method": "POST",
        "target": "/v1/orders",
        "body": body,
        "type": "application/json",
        "genuine": True,
        "text": "Ä",
    }


@pytest.mark.parametrize(
    "path",
    [
        "/v1/orders?status=all&symbol=A%20B",
        "/v1/orders/A%2FB",
        "/v1/orders/Ä b?x=é&y=[1]",
        "/v1//orders/../x",
    ],
)
def test_what_is_signed_is_what_is_sent(url: str, path: str) -> None:
    result = fixgw("api", "get", path, "--url", url, **SIGNS)
    assert told(result)["genuine"] is True


def test_key_and_secret_may_be_options(url: str) -> None:
    options = ("--key", KEY.key_id, "--secret", KEY.secret)
    result = fixgw("api", "DELETE", "/v1/orders", *options, FIXGW_URL=url)
    assert told(result)["genuine"] is True
    assert told(result)["body"] == ""


def test_without_a_key_nothing_is_signed(url: str) -> None:
    result = fixgw("api", "GET", "/v1/time", "--url", url)
    assert (result.returncode, told(result)["genuine"]) == (0, None)


def test_a_body_may_come_from_standard_input(url: str) -> None:
    result = fixgw("api", "PUT", "/a", "-", "--url", url, stdin='["Ä"]', **SIGNS)
    assert (told(result)["body"], told(result)["genuine"]) == ('["Ä"]', True)


@pytest.mark.parametrize("status", [400, 401, 404, 429, 503])
def test_a_refusal_is_exit_code_1(url: str, status: int) -> None:
    result = fixgw("api", "GET", f"/v1/{status}", "--url", url)
    assert result.returncode == 1
    assert result.stdout.startswith(f"{status} ")


def test_an_answer_that_is_no_json(url: str) -> None:
    result = fixgw("api", "GET", "/text", "--url", url)
    assert (result.returncode, result.stdout) == (0, "200 OK\nplain\n")


@pytest.mark.parametrize(
    ("arguments", "environment", "text"),
    [
        (["GET", "v1"], {}, "PATH begins with /"),
        (["HEAD", "/v1"], {}, "'HEAD' is not one of"),
        (["GET", "/v1"], {"FIXGW_KEY": "k"}, "a key and its secret go together"),
        (["GET", "/v1", "--secret", "s"], {}, "a key and its secret go together"),
        (["POST", "/v1", "{'a': 1}"], {}, "BODY is not JSON: Expecting property name"),
    ],
)
def test_command_lines_that_are_not_understood(
    arguments: list[str], environment: dict[str, str], text: str
) -> None:
    result = fixgw("api", *arguments, **environment)
    assert (result.returncode, result.stdout) == (2, "")
    assert text in result.stderr


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:1", "nowhere", "ftp://x", "http://["]
)
def test_no_answer_is_exit_code_3(address: str) -> None:
    result = fixgw("api", "GET", "/v1/time", "--url", address, "--timeout", "5")
    assert (result.returncode, result.stdout) == (3, "")
    assert f"no answer from {address}: " in result.stderr
    assert "Traceback" not in result.stderr
