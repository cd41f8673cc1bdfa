"""``fixgw config``: a file is judged before a restart does it."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

from click.testing import CliRunner, Result

from fixgw.config import KEYS, load_whole, parse
from fixgw.config.keys import PINS
from fixgw.ops.cli import main
from tests.net.certificates import Authority

ROOT = Path(__file__).parents[2]
INSTRUMENTS = (ROOT / "config" / "instruments.csv").read_text()
SESSIONS = """\
[DEFAULT]
ConnectionType=acceptor
SocketAcceptPort=9876
BeginString=FIX.4.4
SenderCompID=EXCHANGE
[SESSION]
TargetCompID=BUYER
"""


def write(
    folder: Path, extra: str = "", sessions: str = SESSIONS, rows: str = INSTRUMENTS
) -> Path:
    path = folder / "fixgw.toml"
    path.write_text(
        'sessions = "s.cfg"\ninstruments = "i.csv"\ndata = "data"\n' + extra
    )
    (folder / "s.cfg").write_text(sessions)
    (folder / "i.csv").write_text(rows)
    return path


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["config", *map(str, arguments)])


def test_check_of_the_sample() -> None:
    result = run("check", "--config", ROOT / "config" / "fixgw.toml")
    assert result.exit_code == 0, result.output
    assert "runs shard 0, shard 1, gateway, sidedoor, readmodel" in result.stdout
    assert result.stdout.splitlines()[-1] == "all is well"


def test_check_names_the_problems_of_all_files(tmp_path: Path) -> None:
    wrong_sessions = SESSIONS.replace("SocketAcceptPort", "SocketAcceptPrt")
    path = write(tmp_path, sessions=wrong_sessions, rows="what\n1\n")
    result = run("check", "--config", path)
    assert result.exit_code == 78
    assert result.stdout == ""
    assert "s.cfg" in result.stderr
    assert "SocketAcceptPrt" in result.stderr
    assert "i.csv" in result.stderr


def test_check_names_all_problems_of_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, "[sidedoor]\nprot = 1\nhost = 3\n")
    result = run("check", "--config", path)
    assert result.exit_code == 78
    assert result.stderr.splitlines() == [
        f"{path}: unknown key sidedoor.prot; did you mean sidedoor.port?",
        f"{path}: sidedoor.host is 3, not a text",
    ]
    assert not (tmp_path / "data").exists()


def test_what_is_shown_is_the_same_configuration(tmp_path: Path) -> None:
    path = write(tmp_path, '[shards.pins]\n"BTC-USD" = 1\n[redis]\nurl = "unix:///r"\n')
    result = run("show", "--config", path)
    assert result.exit_code == 0
    again = parse(tomllib.loads(result.stdout), path)
    assert again == load_whole(path).config
    lines = result.stdout.splitlines()
    at = lines.index('url = "unix:///r"')
    assert not lines[at - 1].endswith("(default)")
    assert lines[lines.index("port = 8080") - 1].endswith("(default)")


def test_every_key_is_shown(tmp_path: Path) -> None:
    shown = json.loads(run("show", "--json", "--config", write(tmp_path)).stdout)
    assert shown.keys() == KEYS.keys() - {"sidedoor.keys"} | {PINS}


def test_passwords_are_hidden(tmp_path: Path) -> None:
    path = write(tmp_path, '[redis]\nurl = "redis://me:geheim@host:1/0"\n')
    assert "geheim" not in run("show", "--config", path).stdout
    assert "redis://me:***@host:1/0" in run("show", "--json", "--config", path).stdout
    assert "geheim" in run("show", "--show-secrets", "--config", path).stdout


def test_a_password_in_the_query_is_hidden_as_well(tmp_path: Path) -> None:
    address = "postgresql:///fixgw?host=/run/postgresql&password=geheim&x=1"
    path = write(tmp_path, f'[readmodel]\ndatabase = "{address}"\n')
    shown = run("show", "--config", path).stdout
    assert (
        'database = "postgresql:///fixgw?host=/run/postgresql&password=***&x=1"'
        in shown.splitlines()
    )
    assert "geheim" in run("show", "--show-secrets", "--config", path).stdout


def test_names_that_are_not_ascii(tmp_path: Path) -> None:
    """JSON would write some of them in a way TOML does not know."""
    path = write(tmp_path, '[sidedoor]\nkeys = "Schl\u00fcssel \U0001f511"\n')
    result = run("show", "--config", path)
    again = parse(tomllib.loads(result.stdout), path)
    assert again == load_whole(path).config


def test_a_missing_file() -> None:
    result = run("show", "--config", "/nowhere/fixgw.toml")
    assert result.exit_code == 78
    assert "/nowhere/fixgw.toml: No such file or directory" in result.stderr


def test_check_tells_what_is_special(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    sessions = (
        SESSIONS.replace(
            "[SESSION]", "NonStopSession=Y\nLogonAuthentication=CERTIFICATE\n[SESSION]"
        )
        + "[SESSION]\nAcceptorTemplate=Y\n"
        + f"SocketCertificateFile={authority.server()}\n"
        + "SocketCAFile=ca.pem\nCredentialsFile=c.toml\nUseTCPProxy=Y\n"
    )
    path = write(tmp_path, sessions=sessions)
    (tmp_path / "c.toml").touch(0o600)
    result = run("check", "--config", path)
    assert result.exit_code == 0, result.output
    assert (
        "1 sessions, 1 templates, TLS with certificates of clients, credentials in"
        " c.toml"
    ) in result.stdout
    assert "warning: " in result.stderr
    assert "UseTCPProxy: whoever reaches the port" in result.stderr
    (tmp_path / "c.toml").chmod(0o644)
    result = run("check", "--config", path)
    assert result.exit_code == 78
    assert "c.toml: others may read or write it" in result.stderr


OPEN = SESSIONS.replace("[SESSION]", "NonStopSession=Y\n[SESSION]")
MARKET = """
[schedule.default]
time_zone = "Europe/Berlin"
continuous = "09:00:00"
closed = "17:30:00"
[schedule.coins]
symbols = ["BTC-USD"]
always = "continuous"
[limits.session]
rate_max = 50
[limits.accounts.ACC1]
position_max = "10.5"
"""


def test_trading_days_and_limits_are_shown_as_they_could_be_given(
    tmp_path: Path,
) -> None:
    path = write(tmp_path, MARKET, OPEN)
    result = run("show", "--config", path)
    assert result.exit_code == 0, result.output
    shown, given = tomllib.loads(result.stdout), tomllib.loads(MARKET)
    assert (shown["schedule"], shown["limits"]) == (given["schedule"], given["limits"])
    assert run("check", "--config", path).exit_code == 0


def test_check_knows_the_instruments_and_sessions_that_tables_name(
    tmp_path: Path,
) -> None:
    wrong = MARKET.replace("BTC-USD", "BTC-EUR") + "[limits.sessions.BUYR]\n"
    result = run("check", "--config", write(tmp_path, wrong, OPEN))
    assert result.exit_code == 78
    assert "schedule.coins.symbols: there is no instrument BTC-EUR in" in result.stderr
    assert "there is no session BUYR; did you mean BUYER?" in result.stderr
