"""The CSV order flow: any bytes give rows, the same ones however they arrive."""

from __future__ import annotations

import csv
import io

from engine.flow import COLUMNS, HEADER, REQUIRED, Flow
from engine.shard import Shard
from tests.fuzz import mutate
from tests.fuzz.fuzz_framing import PIECE_SIZES, pieces

CORPUS = "flow"
MUTATE = mutate.csv

COLUMNS_OUT = HEADER.count(b",") + 1


HEADERS = ((*REQUIRED, "type", "tif"), COLUMNS)


def run(chunks: list[bytes], columns: tuple[str, ...]) -> tuple[bytes, Flow, Shard]:
    """All rows of a flow that gets these chunks."""
    shard = Shard(0, bytes(16))
    flow = Flow(shard, columns)
    rows = []

    def drain() -> None:
        while flow.parse():
            flow.run()
            rows.append(flow.rows())

    for chunk in chunks:
        flow.load(chunk)
        drain()
    flow.finish()
    drain()
    return b"".join(rows), flow, shard


def check(data: bytes) -> None:
    for columns in HEADERS:
        check_with(data, columns)


def check_with(data: bytes, columns: tuple[str, ...]) -> None:
    rows, flow, shard = run([data], columns)
    assert flow.row_count == rows.count(b"\n")
    assert flow.messages + flow.malformed == flow.records
    assert flow.records >= 0
    assert flow.resting_peak >= shard.open_orders
    assert flow.line <= data.count(b"\n") + 2
    line = 0
    for row in csv.reader(io.StringIO(rows.decode("ascii"), newline="")):
        assert len(row) == COLUMNS_OUT, row
        assert int(row[0]) >= line, "a row before that of an earlier line"
        line = int(row[0])
    for size in PIECE_SIZES:
        again, other_flow, other = run(pieces(data, size), columns)
        assert again == rows, "in pieces is not whole"
        assert (other_flow.records, other_flow.malformed) == (
            flow.records,
            flow.malformed,
        )
        assert other.dump()[1] == shard.dump()[1]
