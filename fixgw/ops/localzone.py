"""The time zone of this machine, for UseLocalTime=Y of a sessions file."""

from __future__ import annotations

import os
from datetime import tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

LOCALTIME = Path("/etc/localtime")


def local_zone() -> tzinfo | None:
    """By the environment's TZ, else by /etc/localtime; None if neither says it.

    A fixed offset would not do: a schedule needs to know when clocks change.
    """
    name = os.environ.get("TZ", "").removeprefix(":")
    try:
        if name:
            return ZoneInfo(name)
        *_, found = str(LOCALTIME.resolve(strict=True)).partition("zoneinfo/")
        if found:
            return ZoneInfo(found)
        with LOCALTIME.open("rb") as file:
            return ZoneInfo.from_file(file, "localtime")
    except (OSError, ValueError, KeyError):
        return None
