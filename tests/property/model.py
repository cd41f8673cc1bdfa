"""``python -m tests.property.model --commands 5000000 --seed 1 --processes 2``

Random commands through the shard and the reference exchange, which must agree in every
byte after every command. The first failing sequence is made small and printed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator
from multiprocessing import get_context

from tests.property.comparing import EVERYTHING, Failure, run
from tests.property.profiles import PROFILES
from tests.property.shrinking import explain

SEGMENT = 4_000
"""Commands until a run begins anew with a new shard."""

Job = tuple[str, int, int]
"""Profile, seed, commands."""


def jobs(names: list[str], commands: int, seed: int, segment: int) -> Iterator[Job]:
    """Segments of all profiles in turn."""
    number = 0
    while commands > 0:
        name = names[number % len(names)]
        yield name, seed * 1_000_000 + number, min(segment, commands)
        number += 1
        commands -= segment


def work(job: Job) -> tuple[Job, int, int, Counter[str], str]:
    """Plays a job: commands, states compared, coverage, and what failed."""
    try:
        comparison, coverage = run(*job)
    except Failure as failure:
        return job, 0, 0, Counter(), explain(failure)
    return job, comparison.commands, comparison.batches, coverage, ""


def bar(done: int, of: int, began: float) -> None:
    passed = time.monotonic() - began
    share = min(1.0, done / of)
    left = passed / share - passed if share else 0.0
    line = f"[{'#' * int(share * 40):<40}] {done:,} of {of:,}, {left:,.0f} s left"
    sys.stderr.write(f"\r{line:<100}")
    sys.stderr.flush()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--commands", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--segment", type=int, default=SEGMENT)
    parser.add_argument("--profile", choices=list(PROFILES), action="append")
    parser.add_argument("--coverage", action="store_true", help="print all counts")
    options = parser.parse_args(arguments)
    names = options.profile or list(PROFILES)
    todo = jobs(names, options.commands, options.seed, options.segment)
    commands = states = 0
    coverage: Counter[str] = Counter()
    began = time.monotonic()
    with get_context("spawn").Pool(options.processes) as pool:
        for job, played, compared, covered, fault in pool.imap_unordered(work, todo):
            if fault:
                sys.stdout.write(f"\n{fault}\n")
                sys.stdout.write(f"FAILED: {job}, after {commands:,} good commands\n")
                return 1
            commands += played
            states += compared
            coverage.update(covered)
            bar(commands, options.commands, began)
    passed = time.monotonic() - began
    sys.stdout.write(
        f"\n{commands:,} commands in {passed:,.0f} s: all events equal, "
        f"{states:,} states equal\n"
    )
    if options.coverage:
        for name, count in sorted(coverage.items()):
            sys.stdout.write(f"{count:>12,} {name}\n")
    missing = sorted(name for name in EVERYTHING if not coverage[name])
    if missing:
        sys.stdout.write(f"never happened: {', '.join(missing)}\n")
    return 1 if missing and not options.profile else 0


if __name__ == "__main__":
    sys.exit(main())
