"""Metrics and health of a running exchange, over HTTP."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from tests.live.exchange import Exchange

ANSWER_S = 10.0
_SAID = "metrics and health at "

Labels = frozenset[tuple[str, str]]


class Scrape:
    """The metrics of one process at one moment."""

    def __init__(self, text: str) -> None:
        self.families: dict[str, Metric] = {
            family.name: family for family in text_string_to_metric_families(text)
        }
        self._values: dict[tuple[str, Labels], float] = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in self.families.values()
            for sample in family.samples
        }

    def __call__(self, name: str, **labels: str) -> float:
        """One value; there must be one."""
        return self._values[name, frozenset(labels.items())]

    def by(self, name: str, label: str) -> dict[str, float]:
        """All values of a metric with one label, by its value."""
        return {
            dict(labels)[label]: value
            for (found, labels), value in self._values.items()
            if found == name and {key for key, _ in labels} == {label}
        }


def address(exchange: Exchange, process: str) -> str:
    """Where a process serves them; it said so at its last start."""
    (*_, line) = (
        line
        for line in exchange.logged()
        if line["process"] == process and line["event"].startswith(_SAID)
    )
    found: str = line["event"].removeprefix(_SAID)
    return found


def scrape(exchange: Exchange, process: str) -> Scrape:
    """What a process tells now."""
    url = f"{address(exchange, process)}/metrics"
    with urllib.request.urlopen(url, timeout=ANSWER_S) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=")
        return Scrape(answer.read().decode())


def probe(
    exchange: Exchange, process: str, path: str = "/readyz"
) -> tuple[int, Mapping[str, Any]]:
    """Status and body of a probe; (0, {}) if nobody answers."""
    url = f"{address(exchange, process)}{path}"
    try:
        with urllib.request.urlopen(url, timeout=ANSWER_S) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())
    except (OSError, http.client.HTTPException):
        return 0, {}
