"""How many connections the operating system lets this process have.

A process without descriptors left can accept nobody, and no operator gets in either; it
cannot even begin a new file of its outbox. So connections get only a part of them.
"""

from __future__ import annotations

import contextlib
import logging
import resource

log = logging.getLogger(__name__)

DESCRIPTORS_KEPT = 768
"""For files, shards and the operator; and for connections that are one too many, of
which one turn of the event loop can accept as many as the backlog holds."""


def connections_possible(wanted: int) -> int:
    """``wanted``, or fewer where the limit of descriptors (RLIMIT_NOFILE) is too low
    even after it was raised; then there is a warning in the log."""
    needed = wanted + DESCRIPTORS_KEPT
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < needed:
        raised = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return wanted
    possible = max(soft - DESCRIPTORS_KEPT, soft // 2)
    log.warning(
        "only %d connections are possible: this process may have %d descriptors, and "
        "should have %d (ulimit -n, LimitNOFILE)",
        possible,
        soft,
        needed,
    )
    return possible
