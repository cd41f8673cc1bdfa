"""``fixgw credentials``, and the file it is about."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from fixgw.ops.cli import main
from fixgw.ops.credential_files import load_credentials, read_credentials
from fixgw.ops.setup import SetupError, read_settings
from fixgw.session.passwords import PasswordHash

SESSIONS = """\
[DEFAULT]
ConnectionType=acceptor
SocketAcceptPort=0
BeginString=FIX.4.4
SenderCompID=EXCHANGE
NonStopSession=Y
CredentialsFile=c.toml
LogonAuthentication=PASSWORD
[SESSION]
TargetCompID=BUYER
"""


def run(*arguments: str | Path, given: str = "") -> Result:
    return CliRunner().invoke(main, ["credentials", *map(str, arguments)], input=given)


def secret_file(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


def hash_line(password: str = "a long password") -> str:
    result = run("hash-password", given=password + "\n")
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_password_becomes_a_hash() -> None:
    line = hash_line()
    kept = PasswordHash.parse(tomllib.loads(line)["password"])
    assert kept.matches(b"a long password")
    assert "a long password" not in line
    assert hash_line() != line


def test_a_password_is_asked_for_twice_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def prompt(text: str, hide_input: bool, confirmation_prompt: bool) -> str:
        asked.append((hide_input, confirmation_prompt))
        return "a long password"

    class Terminal:
        @staticmethod
        def isatty() -> bool:
            return True

    monkeypatch.setattr("click.prompt", prompt)
    monkeypatch.setattr("fixgw.ops.credential_commands.sys.stdin", Terminal)
    from fixgw.ops.credential_commands import hash_password

    assert hash_password.callback is not None
    hash_password.callback()
    assert asked == [(True, True)]


@pytest.mark.parametrize(
    ("password", "said"),
    [
        ("short", "at least 12 characters"),
        ("geheimes Paßwort", "printable ASCII characters only"),
        ("with\ta tabulator", "printable ASCII characters only"),
    ],
)
def test_a_password_that_will_not_do(password: str, said: str) -> None:
    result = run("hash-password", given=password + "\n")
    assert result.exit_code == 1
    assert said in result.stderr


def test_a_pair_of_keys(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    result = run("new-key", "--private-key", path)
    assert result.exit_code == 0
    assert path.stat().st_mode & 0o777 == 0o600
    load_pem_private_key(path.read_bytes(), password=None)
    file = secret_file(tmp_path / "c.toml", f"[BUYER]\n{result.stdout}")
    assert list(read_credentials(file).summary()) == [("BUYER", "ed25519")]
    again = run("new-key", "--private-key", path)
    assert again.exit_code == 1
    assert "File exists" in again.stderr


def test_a_secret_of_both(tmp_path: Path) -> None:
    result = run("new-key", "--type", "hmac-sha256")
    assert result.exit_code == 0
    secret = result.stderr.splitlines()[1]
    assert result.stdout == f'hmac_sha256 = "{secret}"\n'
    file = secret_file(tmp_path / "c.toml", f"[BUYER]\n{result.stdout}")
    assert list(read_credentials(file).summary()) == [("BUYER", "hmac_sha256")]


def test_a_good_file(tmp_path: Path) -> None:
    (tmp_path / "s.cfg").write_text(SESSIONS)
    text = f"[BUYER]\n{hash_line()}[OTHER]\nusername = 'x'\n"
    file = secret_file(tmp_path / "c.toml", text)
    alone = run("check", file)
    assert alone.exit_code == 0
    assert alone.stdout == "BUYER: password\nOTHER: username\nall is well\n"
    assert alone.stderr == ""
    together = run("check", file, "--sessions", tmp_path / "s.cfg")
    assert together.exit_code == 0
    assert together.stderr.startswith("warning: [OTHER] is no session of ")
    settings = read_settings(tmp_path / "s.cfg", None, None)
    found = load_credentials(tmp_path / "s.cfg", settings)
    assert [who for who, _ in found.summary()] == ["BUYER", "OTHER"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o622, 0o660])
def test_a_file_that_others_may_read_or_write(tmp_path: Path, mode: int) -> None:
    file = secret_file(tmp_path / "c.toml", "[BUYER]\n")
    file.chmod(mode)
    result = run("check", file)
    assert result.exit_code == 78
    assert f"others may read or write it (mode {mode:04o})" in result.stderr
    assert "chmod 600" in result.stderr


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    result = run("check", tmp_path / "none")
    assert result.exit_code == 78
    assert os.strerror(2) in result.stderr


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    file = secret_file(tmp_path / "c.toml", "")
    file.write_bytes(b"\xff")
    assert "is not UTF-8 text" in run("check", file).stderr


def test_a_file_with_problems(tmp_path: Path) -> None:
    file = secret_file(tmp_path / "c.toml", "[BUYER]\npasword = 'geheim'\n")
    result = run("check", file)
    assert result.exit_code == 78
    assert "did you mean password?" in result.stderr
    assert "geheim" not in result.stderr


def test_a_session_without_a_password(tmp_path: Path) -> None:
    (tmp_path / "s.cfg").write_text(SESSIONS)
    file = secret_file(tmp_path / "c.toml", "[BUYER]\n")
    result = run("check", file, "--sessions", tmp_path / "s.cfg")
    assert result.exit_code == 78
    assert "FIX.4.4:EXCHANGE->BUYER has no password" in result.stderr
    settings = read_settings(tmp_path / "s.cfg", None, None)
    with pytest.raises(SetupError, match="c.toml: .* has no password"):
        load_credentials(tmp_path / "s.cfg", settings)


def test_sessions_without_credentials(tmp_path: Path) -> None:
    path = tmp_path / "s.cfg"
    path.write_text(
        SESSIONS.replace("CredentialsFile=c.toml\nLogonAuthentication=PASSWORD\n", "")
    )
    found = load_credentials(path, read_settings(path, None, None))
    assert list(found.summary()) == []
