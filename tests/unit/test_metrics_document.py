"""docs/metrics.md agrees with itself and with the configuration.

That it lists what is exposed is shown by tests/live/test_metrics.py.
"""

from __future__ import annotations

import re
from pathlib import Path

from fixgw.config import Config
from fixgw.ops.metrics.shard import SYMBOLS_MAX

TEXT = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()
NAMES = dict(re.findall(r"^\| `(\w+)` \| (counter|gauge|histogram) \|", TEXT, re.M))


def test_the_ports() -> None:
    path = Path("/x")
    config = Config(path, path, path, path)
    rows = re.findall(r"^\| ([a-zN ]+) \| (\d+)( \+ N)? \|$", TEXT, re.M)
    told = {process: int(port) for process, port, _ in rows}
    assert told.pop("shard N") == config.metrics_port("shard 0")
    assert config.metrics_port("shard 7") == config.metrics_port("shard 0") + 7
    assert told == {process: config.metrics_port(process) for process in told}
    assert told.keys() == {
        "supervisor",
        "gateway",
        "sidedoor",
        "publisher",
        "readmodel",
        "breaker",
    }


def test_alerts_ask_for_metrics_that_exist() -> None:
    alerts = TEXT[TEXT.index("## Alerts") :]
    found = set(re.findall(r"\b(?:fixgw|order|trade|current)\w*_\w+\b", alerts))
    known = {
        name + ending
        for name, kind in NAMES.items()
        for ending in (("_bucket", "_count") if kind == "histogram" else ("",))
    }
    assert found
    assert found <= known


def test_counters_end_as_counters_do() -> None:
    for name, kind in NAMES.items():
        assert name.endswith("_total") is (kind == "counter"), name


def test_the_limit() -> None:
    assert f"the first {SYMBOLS_MAX:,} of a shard" in TEXT
