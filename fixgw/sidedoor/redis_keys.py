"""API keys in Redis: a hash per key, a set of their ids, and a version.

The version is a random text, another one after each change, so that a Redis that was
restored from a backup is never taken for an unchanged one. There is one as soon as
there was a key: a Redis without has lost its data, and the keys last read stay in
force.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator, Mapping
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry

from fixgw.sidedoor.keys import (
    KEYS_MAX,
    ApiKey,
    DamagedKeys,
    KeysError,
    KeysUnavailable,
    from_row,
    to_row,
    unknown,
)
from fixgw.sidedoor.redis_state import PREFIX, RedisDown, RedisState, shown

IDS = f"{PREFIX}keys"
VERSION = f"{PREFIX}keys:version"
KEY = f"{PREFIX}key:"

COMMAND_TIMEOUT_S = 2.0
"""A person waits for the command line, and would rather wait than have no answer."""

KEYS_PER_CALL = 200
"""Hashes read in one call: about 2 ms of Redis, far below the timeout of a call."""

_ADD = f"""
if redis.call('EXISTS', KEYS[3]) == 1 then return 'exists' end
if redis.call('SCARD', KEYS[1]) >= {KEYS_MAX} then return 'full' end
for i = 3, #ARGV, 2 do redis.call('HSET', KEYS[3], ARGV[i], ARGV[i + 1]) end
redis.call('SADD', KEYS[1], ARGV[1])
redis.call('SET', KEYS[2], ARGV[2])
return 'ok'
"""
_SET_DISABLED = """
if redis.call('EXISTS', KEYS[3]) == 0 then return 'unknown' end
redis.call('HSET', KEYS[3], 'disabled', ARGV[3])
redis.call('SET', KEYS[2], ARGV[2])
return 'ok'
"""
_REMOVE = """
if redis.call('SREM', KEYS[1], ARGV[1]) == 0 then return 'unknown' end
redis.call('DEL', KEYS[3])
redis.call('SET', KEYS[2], ARGV[2])
return 'ok'
"""


class RedisKeys:
    """The keys in Redis, for the command line: blocks, and waits longer."""

    def __init__(self, url: str) -> None:
        self._where = shown(url)
        self._redis: redis.Redis = redis.Redis.from_url(
            url,
            socket_timeout=COMMAND_TIMEOUT_S,
            socket_connect_timeout=COMMAND_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
            maint_notifications_config=MaintNotificationsConfig(enabled=False),
        )

    def keys(self) -> list[ApiKey]:
        with self._errors():
            members: Any = self._redis.smembers(IDS)
            found = []
            for key_id in sorted(members):
                fields: Any = self._redis.hgetall(KEY + _text(key_id))
                if fields:
                    found.append(_key(key_id, fields))
        return sorted(found, key=lambda key: (key.created_ns, key.key_id))

    def add(self, key: ApiKey) -> None:
        fields: list[Any] = []
        for name, value in to_row(key).items():
            fields += [name, int(value) if isinstance(value, bool) else value]
        answer = self._run(_ADD, key.key_id, *fields)
        if answer == b"full":
            raise KeysError(f"there are {KEYS_MAX} keys already: remove some first")
        if answer != b"ok":
            raise KeysError(f"there is a key {key.key_id} already: try again")

    def set_disabled(self, key_id: str, disabled: bool) -> ApiKey:
        if self._run(_SET_DISABLED, key_id, int(disabled)) != b"ok":
            raise unknown(key_id)
        return self._one(key_id)

    def remove(self, key_id: str) -> None:
        # Without a look at it: this is also how one is mended that is damaged.
        if self._run(_REMOVE, key_id) != b"ok":
            raise unknown(key_id)

    def close(self) -> None:
        self._redis.close()

    def _one(self, key_id: str) -> ApiKey:
        with self._errors():
            fields: Any = self._redis.hgetall(KEY + key_id)
        if not fields:
            raise unknown(key_id)
        return _key(key_id.encode(), fields)

    def _run(self, source: str, key_id: str, *arguments: Any) -> Any:
        version = secrets.token_hex(8)
        names = [IDS, VERSION, KEY + key_id]
        with self._errors():
            return self._redis.eval(
                source, len(names), *names, key_id, version, *arguments
            )

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (RedisError, OSError) as error:
            raise KeysUnavailable(
                f"redis at {self._where} cannot be used: {error}. Start it, or mend "
                "redis.url in the configuration"
            ) from None


class RedisSource:
    """Reads the keys when their version is another one than before."""

    def __init__(self, state: RedisState) -> None:
        self._state = state
        self._version: object = None
        self._read = False

    async def read(self) -> Mapping[str, ApiKey] | None:
        try:
            # Read before the keys: a change in between makes another version, and the
            # next look reads again.
            version = await self._state.call(lambda client: client.get(VERSION))
            if self._read and version == self._version:
                return None
            if version is None and self._version is not None:
                # Removing the last key leaves a version: this Redis has lost its data.
                raise KeysUnavailable(
                    f"redis at {self._state.where} has lost them: restore its data, or "
                    "make new keys with 'fixgw keys create'"
                )
            keys = await self._keys()
        except RedisDown as error:
            where = self._state.where
            raise KeysUnavailable(f"redis at {where} is down: {error}") from None
        self._version = version
        self._read = True
        return keys

    def notes(self) -> list[str]:
        return []

    async def _keys(self) -> dict[str, ApiKey]:
        members: Any = await self._state.call(lambda client: client.smembers(IDS))
        if len(members) > KEYS_MAX:
            raise DamagedKeys(f"redis holds more than {KEYS_MAX} keys")
        keys: dict[str, ApiKey] = {}
        key_ids = sorted(members)
        for first in range(0, len(key_ids), KEYS_PER_CALL):
            chunk = key_ids[first : first + KEYS_PER_CALL]
            for key_id, fields in zip(chunk, await self._hashes(chunk), strict=True):
                if fields:
                    key = _key(key_id, fields)
                    keys[key.key_id] = key
        return keys

    async def _hashes(self, key_ids: list[bytes]) -> list[Any]:
        async def action(client: Any) -> list[Any]:
            async with client.pipeline(transaction=False) as pipe:
                for key_id in key_ids:
                    pipe.hgetall(KEY + _text(key_id))
                answers: list[Any] = await pipe.execute()
                return answers

        return await self._state.call(action)


def _key(key_id: bytes, fields: Mapping[bytes, bytes]) -> ApiKey:
    """The key in a hash. Raises DamagedKeys."""
    name = _text(key_id)
    row: dict[str, Any] = {_text(field): _text(fields[field]) for field in fields}
    advice = f"'fixgw keys remove {name} --confirm' forgets it"
    try:
        for number in ("created_ns", "disabled"):
            row[number] = int(row[number])
        row["disabled"] = bool(row["disabled"])
        key = from_row(row)
    except (ValueError, KeyError):
        raise DamagedKeys(f"key {name} in redis is damaged; {advice}") from None
    if key.key_id != name:
        raise DamagedKeys(f"key {name} in redis is another one's; {advice}")
    return key


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")
