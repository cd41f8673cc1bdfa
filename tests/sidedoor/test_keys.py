"""API keys: what one may be, the file they are in, and how a side door follows it."""

from __future__ import annotations

import asyncio
import logging
import os
import stat
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fixgw.sidedoor import keyring, redis_keys
from fixgw.sidedoor import keys as module
from fixgw.sidedoor.keyring import FileSource, KeyRing
from fixgw.sidedoor.keys import (
    KEYS_MAX,
    ApiKey,
    DamagedKeys,
    KeyFile,
    KeysError,
    KeysUnavailable,
    Role,
    new_key,
    parse,
    render,
)
from fixgw.sidedoor.redis_keys import RedisKeys, RedisSource
from fixgw.sidedoor.redis_state import shown
from tests.sidedoor import redis_tools

SECRET = "s" * 64


def a_key(number: int = 1, **changes: Any) -> ApiKey:
    key = ApiKey(f"key{number}", SECRET, "ALICE", Role.TRADE, "", number)
    return replace(key, **changes)


@pytest.fixture
def file(tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path / "sidedoor" / "api-keys.json")


@pytest.fixture(params=["file", "redis"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[module.KeyStore]:
    if request.param == "file":
        yield KeyFile(tmp_path / "api-keys.json")
        return
    found = RedisKeys(redis_tools.empty(request.getfixturevalue("redis_server")))
    yield found
    found.close()


# -- one key ---------------------------------------------------------------------------


def test_a_new_key_is_like_no_other() -> None:
    made = [new_key("ALICE", Role.READ, "desk", 5) for _ in range(50)]
    assert len({key.key_id for key in made}) == len({key.secret for key in made}) == 50
    assert (made[0].account, made[0].role, made[0].label) == (
        "ALICE",
        Role.READ,
        "desk",
    )
    assert (made[0].created_ns, made[0].disabled) == (5, False)
    assert len(made[0].key_id) == 16
    assert len(made[0].secret) == 64


def test_a_secret_is_in_no_text_of_a_key() -> None:
    key = new_key("ALICE", Role.READ, "", 5)
    assert key.secret not in f"{key} {key!r} {[key]}"


@pytest.mark.parametrize("account", ["A", "a-b_C9", "-" * 24])
def test_account_names(account: str) -> None:
    assert new_key(account, Role.READ, "", 1).account == account


@pytest.mark.parametrize(
    "account", ["", "A B", "A:B", "A\n", "Ä", "x" * 25, "A/..", "٣"]
)
def test_names_no_account_can_have(account: str) -> None:
    with pytest.raises(
        ValueError, match="is no account name: it takes 1 to 24 letters"
    ):
        new_key(account, Role.READ, "", 1)


@pytest.mark.parametrize("label", ["x" * 65, "two\nlines", "\x1b[31mred"])
def test_labels_no_key_can_have(label: str) -> None:
    with pytest.raises(ValueError, match="at most 64 printable"):
        new_key("ALICE", Role.READ, label, 1)


# -- stores ----------------------------------------------------------------------------


def test_a_store_begins_empty(store: module.KeyStore) -> None:
    assert store.keys() == []


def test_what_is_added_is_there(store: module.KeyStore) -> None:
    first = new_key("ALICE", Role.TRADE, 'Ä " desk', 1)
    second = new_key("BOB", Role.ADMIN, "", 2)
    store.add(first)
    store.add(second)
    assert store.keys() == [first, second]


def test_disabling_and_enabling(store: module.KeyStore) -> None:
    store.add(a_key(1))
    store.add(a_key(2))
    assert store.set_disabled("key1", True) == a_key(1, disabled=True)
    assert store.keys() == [a_key(1, disabled=True), a_key(2)]
    assert store.set_disabled("key1", True) == a_key(1, disabled=True)
    assert store.set_disabled("key1", False) == a_key(1)
    assert store.keys() == [a_key(1), a_key(2)]


def test_removing(store: module.KeyStore) -> None:
    store.add(a_key(1))
    store.add(a_key(2))
    store.remove("key1")
    assert store.keys() == [a_key(2)]


def test_a_key_that_is_not_there(store: module.KeyStore) -> None:
    store.add(a_key(1))
    text = "there is no key nobody; 'fixgw keys list' shows them"
    with pytest.raises(KeysError) as caught:
        store.set_disabled("nobody", True)
    assert str(caught.value) == text
    with pytest.raises(KeysError) as caught:
        store.remove("nobody")
    assert str(caught.value) == text
    assert store.keys() == [a_key(1)]


def test_a_key_that_is_there_already(store: module.KeyStore) -> None:
    store.add(a_key(1))
    with pytest.raises(KeysError, match="there is a key key1 already"):
        store.add(a_key(1, account="BOB"))
    assert store.keys() == [a_key(1)]


def test_there_is_a_limit_to_keys(
    store: module.KeyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KEYS_MAX", 2)
    monkeypatch.setattr(redis_keys, "_ADD", redis_keys._ADD.replace(str(KEYS_MAX), "2"))
    store.add(a_key(1))
    store.add(a_key(2))
    with pytest.raises(KeysError, match="already: remove some first"):
        store.add(a_key(3))
    assert len(store.keys()) == 2


# -- the file --------------------------------------------------------------------------


def test_only_the_owner_may_read_the_file(file: KeyFile) -> None:
    mask = os.umask(0)
    try:
        file.add(a_key(1))
    finally:
        os.umask(mask)
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.path.parent.stat().st_mode) == 0o700
    assert not file.exposed()
    file.path.chmod(0o644)
    assert file.exposed()
    file.add(a_key(2))
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600


def test_nothing_is_left_beside_the_file_but_the_lock(file: KeyFile) -> None:
    file.add(a_key(1))
    # As a writer that was killed would leave it, with whatever in it.
    (file.path.parent / "api-keys.json.new").write_text("half of")
    file.add(a_key(2))
    assert sorted(path.name for path in file.path.parent.iterdir()) == [
        "api-keys.json",
        "api-keys.json.lock",
    ]
    assert file.keys() == [a_key(1), a_key(2)]


def test_the_draft_is_no_way_to_write_elsewhere(file: KeyFile, tmp_path: Path) -> None:
    file.add(a_key(1))
    target = tmp_path / "target"
    target.write_text("precious")
    (file.path.parent / "api-keys.json.new").symlink_to(target)
    file.add(a_key(2))
    assert target.read_text() == "precious"
    assert not file.path.is_symlink()


GOOD = render([a_key(1), a_key(2)])


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "Expecting value: line 1 column 1"),
        (GOOD[:-20], "line"),
        (b"\xff\xfe", "not UTF-8"),
        (b"[" * 100_000, "it is no key file"),
        (b"1" * 5000, "it is no key file"),
        (b"[]", "no key file of format 1"),
        (GOOD.replace(b'"format": 1', b'"format": 2'), "no key file of format 1"),
        (b'{"format": 1}', "no list of up to 10000 keys"),
        (b'{"format": 1, "keys": [1]}', "key 1 is no object"),
        (GOOD.replace(b'"account"', b'"acount"', 1), "key 1 has no account"),
        (GOOD.replace(b'"trade"', b'"boss"', 1), "key 1 has a role that is none of"),
        (GOOD.replace(b'"trade"', b"[]", 1), "key 1 has a role that is no str"),
        (GOOD.replace(b"false", b"0", 1), "key 1 has a disabled that is no bool"),
        (GOOD.replace(b'"created_ns": 2', b'"created_ns": true'), "key 2 .* no int"),
        (GOOD.replace(b"key2", b"key1"), "key 2 is there twice"),
        (GOOD.replace(SECRET.encode(), b"short", 1), "key key1 has no usable secret"),
        (GOOD.replace(b"ALICE", b"A B", 1), "key 1 'A B' is no account name"),
        (GOOD.replace(b'"label"', b'"more": 1, "label"', 1), "does not know"),
    ],
)
def test_damage_is_named_and_nothing_is_written(
    file: KeyFile, data: bytes, why: str
) -> None:
    file.path.parent.mkdir()
    file.path.write_bytes(data)
    with pytest.raises(DamagedKeys, match=why) as caught:
        file.read()
    assert str(caught.value).startswith(f"{file.path} is damaged: ")
    assert SECRET not in str(caught.value)
    with pytest.raises(
        DamagedKeys, match="Nothing was changed: mend the file, or move"
    ):
        file.add(a_key(3))
    assert file.path.read_bytes() == data


def test_a_file_of_any_length_is_refused_early(file: KeyFile) -> None:
    file.path.parent.mkdir()
    with file.path.open("wb") as opened:
        opened.truncate(1 << 40)
    with pytest.raises(DamagedKeys, match="too long for a key file"):
        file.read()


def test_what_is_written_can_be_read() -> None:
    keys = [a_key(1, label="Ä\U0001f600"), a_key(2, disabled=True)]
    assert list(parse(render(keys), "file").values()) == keys


def test_the_largest_file_there_can_be_is_read() -> None:
    longest = [
        a_key(n, account="x" * 24, label="\U0001f600" * 64) for n in range(KEYS_MAX)
    ]
    data = render(longest)
    assert len(data) * 1.5 < module.KEYS_FILE_BYTES_MAX
    assert len(parse(data, "file")) == KEYS_MAX


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(KeysUnavailable, match="file"):
        KeyFile(tmp_path / "file" / "api-keys.json").add(a_key(1))


# -- a running side door ---------------------------------------------------------------


class Ring:
    """A key ring whose polls are not waited for."""

    def __init__(self, file: KeyFile, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(keyring, "POLL_S", 0.0)
        self.ring = KeyRing(FileSource(file))

    def ids(self) -> list[str]:
        asyncio.run(self.ring.refresh())
        return sorted(self.ring._keys)


def test_a_change_is_seen_without_a_restart(
    file: KeyFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring = Ring(file, monkeypatch)
    assert ring.ids() == []
    for number in range(1, 30):
        file.add(a_key(number))
        assert len(ring.ids()) == number
    file.remove("key7")
    assert "key7" not in ring.ids()
    assert ring.ring.problems() == []


def test_a_damaged_file_leaves_the_last_good_keys(
    file: KeyFile, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    file.add(a_key(1))
    ring = Ring(file, monkeypatch)
    assert ring.ids() == ["key1"]
    good = file.path.read_bytes()
    file.path.write_bytes(good[:-9])
    for _ in range(3):
        assert ring.ids() == ["key1"]
    assert ring.ring.problems() == [
        f"API keys: {file.path} is damaged: Expecting ',' delimiter: line 12 column 1 "
        f"(char {len(good) - 9}); the 1 keys last read stay in force"
    ]
    file.path.unlink()
    assert ring.ids() == ["key1"]
    assert ring.ring.problems() == [
        f"API keys: {file.path} is gone: 'fixgw keys create' begins a new one; "
        "the 1 keys last read stay in force"
    ]
    file.add(a_key(2))
    assert ring.ids() == ["key2"]
    assert ring.ring.problems() == []
    logged = [(r.levelno, r.message[:25]) for r in caplog.records]
    assert logged == [
        (logging.ERROR, "API keys cannot be read: "),
        (logging.WARNING, "API keys are readable aga"),
    ]
    assert SECRET not in caplog.text


def test_a_damaged_file_at_the_start_is_no_empty_one(
    file: KeyFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.path.parent.mkdir()
    file.path.write_text("{")
    ring = Ring(file, monkeypatch)
    with pytest.raises(KeysUnavailable, match="is damaged"):
        asyncio.run(ring.ring.find("key1"))
    assert ring.ring.problems()[0].endswith("; no key is known")
    file.path.write_bytes(GOOD)
    assert ring.ids() == ["key1", "key2"]


def test_an_open_file_is_a_problem_that_health_names(
    file: KeyFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.add(a_key(1))
    file.path.chmod(0o640)
    ring = Ring(file, monkeypatch)
    assert ring.ids() == ["key1"]
    assert ring.ring.problems() == [
        f"API keys: others may read {file.path}; run 'chmod 600 {file.path}'"
    ]


class Slow:
    """A source that takes a while, with another key each time."""

    def __init__(self) -> None:
        self.reads = 0

    async def read(self) -> Mapping[str, ApiKey]:
        await asyncio.sleep(0.02)
        self.reads += 1
        return {f"key{self.reads}": a_key(self.reads)}

    def notes(self) -> list[str]:
        return []


def test_nobody_gets_old_keys_while_new_ones_are_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After a quiet hour the keys in memory are an hour old: all wait for one read."""
    source = Slow()
    ring = KeyRing(source)

    async def run() -> None:
        assert await ring.find("key1") == a_key(1)
        ring._asked_s = None
        found = await asyncio.gather(*(ring.find("key1") for _ in range(20)))
        assert found == [None] * 20
        assert source.reads == 2

    asyncio.run(run())


def test_a_change_is_in_force_within_a_second(file: KeyFile) -> None:
    file.add(a_key(1))
    ring = KeyRing(FileSource(file))

    async def run() -> float:
        assert await ring.find("key1") == a_key(1)
        file.set_disabled("key1", True)
        began = asked = last = time.monotonic()
        while (await ring.find("key1")) != a_key(1, disabled=True):
            assert asked - began < 5
            last = asked
            await asyncio.sleep(0.01)
            asked = time.monotonic()
        return last - began

    assert asyncio.run(run()) < 1.0


# -- Redis -----------------------------------------------------------------------------


def test_keys_are_read_from_redis_when_they_change(
    redis_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyring, "POLL_S", 0.0)
    url = redis_tools.empty(redis_server)
    store = RedisKeys(url)
    many = [new_key("ALICE", Role.TRADE, "", n) for n in range(1, 451)]
    for key in many:
        store.add(key)

    async def run() -> None:
        async with redis_tools.state(url) as state:
            source = RedisSource(state)
            ring = KeyRing(source)
            assert await ring.find(many[449].key_id) == many[449]
            assert len(ring) == 450
            assert await source.read() is None
            store.remove(many[0].key_id)
            store.set_disabled(many[1].key_id, True)
            assert await ring.find(many[0].key_id) is None
            assert await ring.find(many[1].key_id) == replace(many[1], disabled=True)
            redis_tools.empty(redis_server)
            assert await ring.find(many[2].key_id) == many[2]
            where = shown(url)
            assert ring.problems() == [
                f"API keys: redis at {where} has lost them: restore its data, or make "
                "new keys with 'fixgw keys create'; the 449 keys last read stay in "
                "force"
            ]
            store.add(many[0])
            assert await ring.find(many[2].key_id) is None
            assert await ring.find(many[0].key_id) == many[0]
            # Removing the last key is no loss.
            store.remove(many[0].key_id)
            assert await ring.find(many[0].key_id) is None
            assert ring.problems() == []

    asyncio.run(run())
    store.close()


def test_a_damaged_key_in_redis_leaves_the_last_good_keys(
    redis_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyring, "POLL_S", 0.0)
    url = redis_tools.empty(redis_server)
    store = RedisKeys(url)
    store.add(a_key(1))

    async def run() -> None:
        async with redis_tools.state(url) as state:
            ring = KeyRing(RedisSource(state))
            assert await ring.find("key1") == a_key(1)
            store.add(a_key(2))
            store._redis.hset("fixgw:key:key2", "role", "king")
            assert await ring.find("key1") == a_key(1)
            assert await ring.find("key2") is None
            assert ring.problems() == [
                "API keys: key key2 in redis is damaged; 'fixgw keys remove key2 "
                "--confirm' forgets it; the 1 keys last read stay in force"
            ]
            store.remove("key2")
            assert await ring.find("key1") == a_key(1)
            assert ring.problems() == []

    asyncio.run(run())
    store.close()


def test_redis_that_is_not_there() -> None:
    store = RedisKeys("redis://someone:hunter2@127.0.0.1:1/0")
    with pytest.raises(KeysUnavailable) as caught:
        store.keys()
    assert str(caught.value).startswith("redis at 127.0.0.1:1 cannot be used: ")
    assert "Start it, or mend redis.url" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    store.close()
