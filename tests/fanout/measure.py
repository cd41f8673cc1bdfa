"""How many events per second are published, and verified at a start.

    python -m tests.fanout.measure BOOTSTRAP_SERVERS [EVENTS]

``bin/services up kafka`` gives a broker. Two shards; the time is from the start of the
publisher, its producer not yet connected, to the last acknowledgement.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
import uuid
from pathlib import Path

from fixgw.fanout.cursor import Position
from fixgw.fanout.eventstream import EventStream
from tests.fanout.support import EventLog, check, publishing, until_published

SHARDS = 2
PER_RECORD = 20
VERIFY_EVENTS = 2000


def verify(log: EventLog) -> float:
    """Seconds to read a log and work out its chain."""
    begin = time.perf_counter()
    stream = EventStream(log.folder, log.shard, Position.beginning(log.shard))
    while stream.read(VERIFY_EVENTS) is not None:
        pass
    stream.close()
    return time.perf_counter() - begin


def main() -> None:
    """Measure, check what arrived, and say it."""
    servers = sys.argv[1]
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 200_000
    topic = f"measure-{uuid.uuid4().hex[:8]}"
    with tempfile.TemporaryDirectory() as name:
        logs = [EventLog(Path(name), shard) for shard in range(SHARDS)]
        for log in logs:
            log.write(count // SHARDS, PER_RECORD)
        verified = count / sum(verify(log) for log in logs)
        begin, cpu = time.perf_counter(), time.process_time()

        async def run() -> tuple[float, float]:
            async with publishing(Path(name), servers, topic, SHARDS) as publisher:
                await until_published(publisher, *logs)
                return time.perf_counter() - begin, time.process_time() - cpu

        wall, used = asyncio.run(run())
        again = check(servers, topic, *logs)
        for log in logs:
            log.close()
    sys.stdout.write(
        f"{count} events: published {count / wall:,.0f}/s ({used / count * 1e6:.1f} us "
        f"of CPU each), verified {verified:,.0f}/s, {again} came again\n"
    )


if __name__ == "__main__":
    main()
