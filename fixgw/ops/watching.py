"""Telemetry of the process that runs, as the configuration wants it."""

from __future__ import annotations

import logging
import shutil
from collections.abc import AsyncIterator, Callable
from typing import Any

from prometheus_client.core import Metric

from fixgw import __version__
from fixgw.config import Config
from fixgw.ops.metrics.families import gauge
from fixgw.ops.telemetry import Collect, Telemetry

log = logging.getLogger(__name__)


def watch(
    config: Config,
    process: str,
    status: Callable[[], dict[str, Any]],
    collect: Collect,
) -> Telemetry | None:
    """Serve metrics and health until the process ends; None if that is switched off.

    To be called on the event loop. Adds to ``collect`` what every process tells.
    """
    if not config.metrics.enabled:
        return None

    async def everything() -> AsyncIterator[Metric]:
        for metric in _common(config, process):
            yield metric
        async for metric in collect():
            yield metric

    telemetry = Telemetry(process, status, everything)
    host, wanted = config.metrics.host, config.metrics_port(process)
    port = telemetry.start(host, wanted)
    if port and not wanted:
        # Nobody could know it otherwise.
        log.info("metrics and health at http://%s:%d", host, port)
    return telemetry


def _common(config: Config, process: str) -> list[Metric]:
    try:
        free = [((), shutil.disk_usage(config.data).free)]
    except OSError:
        free = []
    return [
        gauge(
            "fixgw_info",
            "1; which process of which version this is",
            ["process", "version"],
            [((process, __version__), 1)],
        ),
        gauge("fixgw_disk_free_bytes", "Free space where the data folder is", [], free),
    ]
