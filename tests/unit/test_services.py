"""The servers of the tests: really there, really killed, really back."""

from __future__ import annotations

import asyncio

import psycopg
import pytest
import redis
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from tests.services import KafkaService, PostgresService, Service


def test_postgres_dies_and_comes_back_with_its_data(postgres: PostgresService) -> None:
    url = postgres.fresh_database()
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept (n int)")
        connection.execute("INSERT INTO kept VALUES (7)")
    postgres.kill()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url, connect_timeout=2)
    postgres.start()
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT n FROM kept").fetchall() == [(7,)]


def test_redis_is_paused(redis_server: Service) -> None:
    client = redis.Redis.from_url(redis_server.url, socket_timeout=0.2)
    assert client.ping()
    with redis_server.paused(), pytest.raises(redis.TimeoutError):
        client.get("anything")
    assert client.ping()
    client.close()


def test_kafka_dies_and_comes_back_with_its_records(kafka: KafkaService) -> None:
    topic = kafka.fresh_topic(2)

    async def produce() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all")
        await producer.start()
        await producer.send_and_wait(topic, b"kept", partition=1)
        await producer.stop()

    async def consume() -> bytes | None:
        consumer = AIOKafkaConsumer(
            topic, bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest"
        )
        await consumer.start()
        record = await asyncio.wait_for(consumer.getone(), 20)
        await consumer.stop()
        return record.value

    asyncio.run(produce())
    kafka.kill()
    kafka.start()
    assert asyncio.run(consume()) == b"kept"
