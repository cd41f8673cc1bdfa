"""Connections take only a part of the descriptors that a process may have."""

from __future__ import annotations

import subprocess
import sys

import pytest

ASK = """
import resource
from fixgw.net.descriptors import connections_possible
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
print(connections_possible(1000), resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


@pytest.mark.parametrize(
    ("soft", "hard", "possible", "raised"),
    [
        (256, 2000, 1000, 1768),  # raised as far as is needed
        (1768, 2000, 1000, 1768),
        (256, 1600, 832, 1600),  # as far as is possible
        (256, 1024, 512, 1024),
        (256, 256, 128, 256),
    ],
)
def test_as_many_as_there_are_descriptors_for(
    soft: int, hard: int, possible: int, raised: int
) -> None:
    asked = subprocess.run(
        [sys.executable, "-c", ASK.format(soft=soft, hard=hard)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert asked.stdout.split() == [str(possible), str(raised)]
    assert ("LimitNOFILE" in asked.stderr) == (possible < 1000)
