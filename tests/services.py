"""Real Kafka, PostgreSQL and Redis: started when a test asks, ended with the run.

Where FIXGW_TEST_KAFKA, FIXGW_TEST_POSTGRES or FIXGW_TEST_REDIS names a server, that one
is used; a test that has to kill or pause it is then skipped by name. A server that
cannot be installed or started fails the tests that need it; outside CI they are skipped
with the command that would help.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shutil
import signal
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import psycopg
import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

ROOT = Path(__file__).resolve().parent.parent


def _load() -> ModuleType:
    """``bin/_services.py``, which is no part of a package."""
    spec = importlib.util.spec_from_file_location(
        "fixgw_services", ROOT / "bin" / "_services.py"
    )
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


_services = _load()
free_ports: Callable[[], tuple[int, int]] = _services.free_ports


class Service:
    """One server. ``url`` is how clients reach it, the same after a restart."""

    def __init__(self, services: Any, name: str) -> None:
        self._services = services
        self.name = name
        self.url: str = services.url(name)

    @property
    def is_ours(self) -> bool:
        """Whether it was started here, so that it may be killed."""
        return self.name in self._services.known()

    def kill(self) -> None:
        """Kill -9; it is dead afterwards."""
        self._require_ours()
        self._services.signal(self.name, signal.SIGKILL)

    def start(self) -> None:
        """Again, with the same port and data; it answers afterwards."""
        with self._services.locked():
            self._services.start(self.name)

    def pause(self) -> None:
        """Stop it in its tracks: connections stay, nothing is answered."""
        self._require_ours()
        self._services.signal(self.name, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._services.signal(self.name, signal.SIGCONT)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Stopped in its tracks for a while."""
        self.pause()
        try:
            yield
        finally:
            self.resume()

    def _require_ours(self) -> None:
        if not self.is_ours:
            pytest.skip(f"{self.name} was not started here and is not to be disturbed")


class KafkaService(Service):
    """A broker."""

    @property
    def bootstrap(self) -> str:
        """``host:port``."""
        return self.url

    def fresh_topic(self, partitions: int = 1) -> str:
        """The name of a new, empty topic."""
        name = f"test-{uuid.uuid4().hex[:12]}"

        async def create() -> None:
            admin = AIOKafkaAdminClient(bootstrap_servers=self.url)
            await admin.start()
            try:
                await admin.create_topics([NewTopic(name, partitions, 1)])
            finally:
                await admin.close()

        asyncio.run(create())
        return name

    def unused_topic(self) -> str:
        """A name no topic has yet."""
        return f"test-{uuid.uuid4().hex[:12]}"


class PostgresService(Service):
    """A cluster."""

    def fresh_database(self) -> str:
        """The URL of a new, empty database."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return self.url.rpartition("/")[0] + "/" + name


@pytest.fixture(scope="session")
def services() -> Iterator[Any]:
    """The set of servers of this run; all of them end with it."""
    folder = Path(tempfile.mkdtemp(prefix="fixgw-services-"))
    found = _services.Services(folder)
    try:
        yield found
    finally:
        with found.locked():
            found.down()
        shutil.rmtree(folder, ignore_errors=True)


def _started(services: Any, name: str) -> Any:
    try:
        if not os.environ.get(_services.VARIABLES[name]):
            _services.install([name])
        with services.locked():
            services.start(name)
    except _services.ServiceError as error:
        text = f"needs {name}: {error}\n(`bin/services install {name}` prepares it)"
        if os.environ.get("CI"):
            pytest.fail(text)
        pytest.skip(text)
    return services


def _alive(service: Service) -> Iterator[Any]:
    """For one test: a test before it may have left it dead or paused."""
    if service.is_ours:
        if service._services.known()[service.name].is_alive:
            service.resume()
        service.start()
    yield service
    if service.is_ours and service._services.known()[service.name].is_alive:
        service.resume()


@pytest.fixture(scope="session")
def _kafka(services: Any) -> KafkaService:
    return KafkaService(_started(services, "kafka"), "kafka")


@pytest.fixture(scope="session")
def _postgres(services: Any) -> PostgresService:
    return PostgresService(_started(services, "postgres"), "postgres")


@pytest.fixture(scope="session")
def _redis(services: Any) -> Service:
    return Service(_started(services, "redis"), "redis")


@pytest.fixture
def kafka(_kafka: KafkaService) -> Iterator[KafkaService]:
    """A Kafka broker that answers."""
    yield from _alive(_kafka)


@pytest.fixture
def postgres(_postgres: PostgresService) -> Iterator[PostgresService]:
    """A PostgreSQL server that answers."""
    yield from _alive(_postgres)


@pytest.fixture
def redis_server(_redis: Service) -> Iterator[Service]:
    """A Redis server that answers. Tests share it: use keys of your own."""
    yield from _alive(_redis)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a real browser."""
    try:
        _services.install(["chromium"])
    except _services.ServiceError as error:
        text = f"needs Chromium: {error}"
        if os.environ.get("CI"):
            pytest.fail(text)
        pytest.skip(text)
    found = shutil.which("chromium")
    assert found
    return found
