"""fixgw.toml and the data folder: every problem is named before anything starts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fixgw import config as module
from fixgw.config import Config, ConfigError, SideDoor, load, parse
from fixgw.ops.setup import (
    Overrides,
    SetupError,
    check_layout,
    check_manifest,
    load_config,
    load_shard_instruments,
)

ROOT = Path(__file__).parents[2]
PATH = Path("/somewhere/fixgw.toml")
FILES = {"sessions": "sessions.cfg", "instruments": "i.csv", "data": "../data"}


def tree(**changes: Any) -> dict[str, Any]:
    return {**FILES, **changes}


def problems(wrong: dict[str, Any]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse(wrong, PATH)
    lines = str(caught.value).splitlines()
    assert all(line.startswith(f"{PATH}: ") for line in lines)
    return [line.removeprefix(f"{PATH}: ") for line in lines]


# -- good files ------------------------------------------------------------------------


def test_the_sample() -> None:
    config = load(ROOT / "config" / "fixgw.toml")
    assert config == Config(
        path=ROOT / "config" / "fixgw.toml",
        sessions=ROOT / "config" / "sessions.cfg",
        instruments=ROOT / "config" / "instruments.csv",
        data=ROOT / "data",
        shard_count=2,
        pins={"BTC-USD": 0, "ETH-USD": 1},
        day_ends_ns=0,
        sidedoor=SideDoor(keys=ROOT / "data" / "sidedoor" / "api-keys.json"),
    )
    assert config.path == module.DEFAULT_PATH
    assert config.sessions.exists()
    assert config.instruments.exists()


def test_the_defaults() -> None:
    config = parse(tree(), PATH)
    assert (config.shard_count, config.pins, config.day_ends_ns) == (2, {}, 0)
    assert config.sessions == Path("/somewhere/sessions.cfg")
    assert config.data == Path("/data")
    assert config.shard_folder(3) == Path("/data/shard-3")
    assert config.shard_socket(3) == Path("/data/shard-3/link.sock")
    assert config.gateway_folder(0) == Path("/data/gateway-0")


def test_absolute_paths() -> None:
    assert parse(tree(data="/var/lib/fixgw"), PATH).data == Path("/var/lib/fixgw")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("00:00:00", 0), ("17:30:00", 63_000), ("23:59:59", 86_399), ("00:00:01", 1)],
)
def test_the_end_of_the_day(text: str, seconds: int) -> None:
    config = parse(tree(engine={"day_ends": text}), PATH)
    assert config.day_ends_ns == seconds * 10**9


def test_data_elsewhere_takes_the_keys_along() -> None:
    config = parse(tree(), PATH).with_data(Path("/other"))
    assert config.sidedoor.keys == Path("/other/sidedoor/api-keys.json")
    assert config.admin_socket("gateway") == Path("/other/gateway-0/admin.sock")
    assert config.admin_socket("shard 1") == Path("/other/shard-1/admin.sock")
    assert config.admin_socket("readmodel") == Path("/other/readmodel/admin.sock")
    assert config.audit_log == Path("/other/audit.log")
    own = parse(tree(sidedoor={"keys": "keys.json"}), PATH).with_data(Path("/other"))
    assert own.sidedoor.keys == Path("/somewhere/keys.json")


def test_what_is_run() -> None:
    shards = ["shard 0", "shard 1"]
    assert parse(tree(), PATH).processes == [
        *(*shards, "gateway", "sidedoor", "readmodel"),
    ]
    kafka = {"bootstrap_servers": "a:9092, b:9092"}
    assert parse(
        tree(sidedoor={"enabled": False}, readmodel={"enabled": False}, kafka=kafka),
        PATH,
    ).processes == [*shards, "gateway", "publisher"]


def test_ports_of_metrics() -> None:
    config = parse(tree(metrics={"port": 9000}), PATH)
    ports = [config.metrics_port(name) for name in ("supervisor", *config.processes)]
    assert ports == [9000, 9010, 9011, 9001, 9002, 9004]
    free = parse(tree(metrics={"port": 0}), PATH)
    assert {free.metrics_port(name) for name in free.processes} == {0}


@pytest.mark.parametrize(
    ("section", "key", "good"),
    [
        ("redis", "url", "rediss://user:secret@host:6379/1"),
        ("redis", "url", "unix:///run/redis.sock"),
        ("redis", "url", ""),
        ("kafka", "bootstrap_servers", "[::1]:9092"),
        ("readmodel", "database", "postgresql:///fixgw?host=/run/postgresql"),
        ("readmodel", "database", "sqlite"),
    ],
)
def test_good_addresses(section: str, key: str, good: str) -> None:
    parse(tree(**{section: {key: good}}), PATH)


# -- problems --------------------------------------------------------------------------


@pytest.mark.parametrize("key", FILES)
@pytest.mark.parametrize("value", [None, "", 3, ["a"], True])
def test_a_path_that_is_none(key: str, value: object) -> None:
    wrong = tree(**{key: value})
    if value is None:
        del wrong[key]
    assert problems(wrong) == [f"{key} is missing or no path"]


@pytest.mark.parametrize("value", [0, -1, 257, "2", 2.0, True, [1]])
def test_a_wrong_number_of_shards(value: object) -> None:
    assert problems(tree(shards={"count": value})) == [
        f"shards.count is {value!r}, not 1 to 256"
    ]


@pytest.mark.parametrize("count", [1, 256])
def test_the_least_and_most_shards(count: int) -> None:
    assert parse(tree(shards={"count": count}), PATH).shard_count == count


@pytest.mark.parametrize("value", [-1, 3, "0", 1.0, True])
def test_a_pin_to_no_shard(value: object) -> None:
    wrong = tree(shards={"count": 3, "pins": {"ACME": value}})
    assert problems(wrong) == [f"shards.pins: ACME is pinned to {value!r}, no shard"]


def test_a_pin_of_no_symbol(tmp_path: Path) -> None:
    """A symbol is ASCII: this pin can never be meant."""

    def start() -> None:
        config = parse(tree(shards={"pins": {"ÄCME": 0}}), PATH)
        instruments = ROOT / "config" / "instruments.csv"
        load_shard_instruments(replace(config, instruments=instruments))

    with pytest.raises((ConfigError, SetupError)):
        start()


@pytest.mark.parametrize(
    "value", ["24:00:00", "12:60:00", "12:00:60", "12:00", "noon", 12, None, "1:00:00"]
)
def test_no_time_of_day(value: object) -> None:
    assert problems(tree(engine={"day_ends": value})) == [
        f"engine.day_ends is {value!r}, not a time like 17:30:00"
    ]


@pytest.mark.parametrize("key", ["shards", "engine"])
def test_no_table(key: str) -> None:
    assert problems(tree(**{key: 3})) == [f"{key} is no table"]
    assert problems(tree(shards={"pins": 3})) == ["shards.pins is no table"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"session": "x"}, "unknown key session; did you mean sessions?"),
        ({"colour": "red"}, "unknown key colour"),
        (
            {"shards": {"cuont": 2}},
            "unknown key shards.cuont; did you mean shards.count?",
        ),
        ({"shards": {"x": 2}}, "unknown key shards.x"),
        ({"sidedor": {"port": 1}}, "unknown key sidedor; did you mean sidedoor?"),
        ({"port": 1}, "unknown key port; did you mean sidedoor.port?"),
        (
            {"redis": {"topic": "x"}},
            "unknown key redis.topic; did you mean kafka.topic?",
        ),
        (
            {"engine": {"day_end": "00:00:00"}},
            "unknown key engine.day_end; did you mean engine.day_ends?",
        ),
    ],
)
def test_unknown_keys(wrong: dict[str, Any], message: str) -> None:
    assert problems(tree(**wrong)) == [message]


@pytest.mark.parametrize(
    ("section", "key", "value", "wanted"),
    [
        ("sidedoor", "enabled", 1, "not true or false"),
        ("sidedoor", "host", "", "not a text"),
        ("sidedoor", "port", 65536, "not 0 to 65535"),
        ("sidedoor", "port", "8080", "not 0 to 65535"),
        ("sidedoor", "receive_window_ms", 99, "not 100 to 60000"),
        ("sidedoor", "reads_per_second", 0, "not 1 to 1000000"),
        ("redis", "url", "http://x", "not an address like redis://host"),
        ("redis", "url", "redis", "not an address like redis://host"),
        ("redis", "url", 6379, "not an address like redis://host"),
        ("kafka", "bootstrap_servers", "x", "not servers like host:9092,other:9092"),
        ("kafka", "bootstrap_servers", "x:0", "not servers like host:9092,other:9092"),
        ("kafka", "bootstrap_servers", 9092, "not servers like host:9092,other:9092"),
        ("kafka", "bootstrap_servers", ",", "not servers like host:9092,other:9092"),
        ("kafka", "bootstrap_servers", "x:1,", "not servers like host:9092,other:9092"),
        ("redis", "url", "redis://", "not an address like redis://host"),
        (
            *("kafka", "topic", ".."),
            "not a topic: 1 to 249 of letters, digits, '.', '_', '-'",
        ),
        ("readmodel", "source", "redis", "not log or kafka"),
        (
            *("readmodel", "database", "mysql://x"),
            "not sqlite or an address like postgresql://host",
        ),
        ("metrics", "port", 65535, "not 0 to 65269"),
    ],
)
def test_wrong_values(section: str, key: str, value: object, wanted: str) -> None:
    assert problems(tree(**{section: {key: value}})) == [
        f"{section}.{key} is {value!r}, {wanted}"
    ]


def test_a_wrong_address_is_told_without_its_password() -> None:
    wrong = tree(redis={"url": "http://me:geheim@host"})
    assert problems(wrong) == [
        "redis.url is 'http://me:***@host', not an address like redis://host"
    ]


def test_values_that_do_not_go_together() -> None:
    assert problems(
        tree(
            sidedoor={"orders_per_second": 10, "orders_burst": 9},
            readmodel={"source": "kafka"},
        )
    ) == [
        "sidedoor.orders_burst is 9, below sidedoor.orders_per_second",
        "readmodel.source is kafka, but kafka.bootstrap_servers is not set",
    ]


def test_all_problems_at_once() -> None:
    wrong = {
        "shards": {"count": 0, "pins": {"A": -1}, "n": 1},
        "engine": {"day_ends": 1},
    }
    assert problems(wrong) == [
        "unknown key shards.n",
        "sessions is missing or no path",
        "instruments is missing or no path",
        "data is missing or no path",
        "shards.count is 0, not 1 to 256",
        "engine.day_ends is 1, not a time like 17:30:00",
        "shards.pins: A is pinned to -1, no shard",
    ]


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "fixgw.toml"
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert str(caught.value) == f"{path}: No such file or directory"
    path.write_text("sessions = \n")
    with pytest.raises(ConfigError, match=r"fixgw\.toml: Invalid value \(at line 1"):
        load(path)


def test_a_file_that_is_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "fixgw.toml"
    path.write_bytes('sessions = "Börse"\n'.encode("latin-1"))
    with pytest.raises(ConfigError):
        load(path)


# -- from the command line -------------------------------------------------------------


def test_the_command_line_overrides_the_file(tmp_path: Path) -> None:
    path = tmp_path / "fixgw.toml"
    path.write_text("".join(f'{key} = "{value}"\n' for key, value in FILES.items()))
    config = load_config(Overrides(config=path, data=tmp_path / "elsewhere"))
    assert config.data == tmp_path / "elsewhere"
    assert config.sessions == tmp_path / "sessions.cfg"
    with pytest.raises(SetupError, match="No such file"):
        load_config(Overrides(config=tmp_path / "absent.toml"))


def test_a_child_gets_the_same_overrides(tmp_path: Path) -> None:
    overrides = Overrides(data=tmp_path, port=0)
    assert overrides.arguments() == ["--data", str(tmp_path), "--port", "0"]
    assert Overrides().arguments() == []


# -- the manifest of a data folder -----------------------------------------------------


def configured(
    data: Path, count: int = 2, pins: dict[str, int] | None = None
) -> Config:
    return Config(PATH, PATH, PATH, data, count, pins or {})


def test_a_new_data_folder_gets_a_manifest(tmp_path: Path) -> None:
    data = tmp_path / "a" / "b"
    check_manifest(configured(data, 3, {"ACME": 1}))
    assert json.loads((data / "manifest.json").read_text()) == {
        "format": 2,
        "layout": 2,
        "shards": 3,
        "pins": {"ACME": 1},
    }
    before = (data / "manifest.json").read_bytes()
    check_manifest(configured(data, 3, {"ACME": 1}))
    assert (data / "manifest.json").read_bytes() == before


@pytest.mark.parametrize("extra", [{}, {"layout": 1}, {"layout": 3}])
def test_data_with_other_records_is_refused_with_what_to_do(
    tmp_path: Path, extra: dict[str, int]
) -> None:
    text = json.dumps({"format": 1, "shards": 2, "pins": {}, **extra})
    (tmp_path / "manifest.json").write_text(text)
    for check in (check_manifest, check_layout):
        with pytest.raises(SetupError) as caught:
            check(configured(tmp_path))
        said = str(caught.value)
        layout = extra.get("layout", 1)
        assert f"records of layout version {layout}, this build reads 2. Run it" in said
        assert "begin with an empty one" in said
    assert (tmp_path / "manifest.json").read_text() == text


@pytest.mark.parametrize(
    ("count", "pins"), [(3, {"A": 1}), (2, {}), (2, {"A": 0}), (2, {"A": 1, "B": 0})]
)
def test_another_division_into_shards_is_refused(
    tmp_path: Path, count: int, pins: dict[str, int]
) -> None:
    check_manifest(configured(tmp_path, 2, {"A": 1}))
    before = (tmp_path / "manifest.json").read_bytes()
    with pytest.raises(SetupError) as caught:
        check_manifest(configured(tmp_path, count, pins))
    text = str(caught.value)
    assert str(tmp_path / "manifest.json") in text
    assert "made with 2 shards and pins {'A': 1}" in text
    assert f"the configuration says {count} and {pins}" in text
    assert (tmp_path / "manifest.json").read_bytes() == before


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"format": 2, "shards": 2}'])
def test_a_manifest_that_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(SetupError, match=r"manifest\.json"):
        check_manifest(configured(tmp_path))
    assert (tmp_path / "manifest.json").read_text() == text
