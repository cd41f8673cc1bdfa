"""How fast the matching engine is by itself: orders in memory in, events in memory out.

    bin/bench-engine flows      the five flows of bench/scenes.py, and the worst of them
    bin/bench-engine flat       the cost of a command by orders and by symbols, plotted

No journal, no session, no socket, one process. Lines are parsed before the clock runs.
See README.md beside this file.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from common import BUILD, progress  # noqa: E402
from conditions import commit, cpu_model, extension_flags, memory  # noqa: E402
from flatness import COMMANDS, LEVELS, ORDERS, measure  # noqa: E402
from plot import svg  # noqa: E402
from scenes import ORDERS as SCENE_ORDERS  # noqa: E402
from scenes import SCENES, write  # noqa: E402

from fixgw.ops.replay_orders import make_shard, open_flow, replay  # noqa: E402

CHUNK_BYTES = 1 << 20
RATE_WANTED = 2_500_000
RATIO_WANTED = 1.3


def conditions() -> str:
    """What belongs beside every figure."""
    load = "{:.2f} {:.2f} {:.2f}".format(*os.getloadavg())
    return (
        f"machine   {cpu_model()}, {os.cpu_count()} cores, {memory()}\n"
        f"commit    {commit()}\n"
        f"build     Python {sys.version.split()[0]}, {extension_flags()}\n"
        f"load      {load} before"
    )


# -- flows -----------------------------------------------------------------------------


def flow_file(name: str, orders: int) -> Path:
    """The flow as a file, made if it is not there yet."""
    folder = BUILD / "flows"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{orders}.csv"
    if not path.exists():
        progress(f"writing {path.name}")
        write(name, path, orders)
    return path


def run_flow(path: Path) -> tuple[float, int, int]:
    """Messages a second in the engine, messages, and the most orders that rested."""
    with path.open("rb") as file:
        chunks = iter(lambda: file.read(CHUNK_BYTES), b"")
        flow = open_flow(chunks, make_shard(None), progress)
        times = replay(flow, chunks, len)
    if flow.malformed:
        raise SystemExit(f"{path}: {flow.malformed} lines are malformed")
    return flow.messages / times.engine_seconds, flow.messages, flow.resting_peak


def flows(orders: int, repeats: int) -> bool:
    """The table of the five flows; whether the worst is as fast as it should be."""
    files = {name: flow_file(name, orders) for name in SCENES}
    found: dict[str, list[tuple[float, int, int]]] = {name: [] for name in SCENES}
    print(conditions(), flush=True)
    for number in range(repeats):
        progress(f"repeat {number + 1} of {repeats}")
        for name, path in files.items():
            found[name].append(run_flow(path))
    print(f"\n{'flow':<14}{'messages':>11}{'resting':>9}{'messages/s':>13}  (min-max)")
    medians = {}
    for name, results in found.items():
        rates = [rate for rate, _, _ in results]
        medians[name] = statistics.median(rates)
        _, messages, peak = results[0]
        print(
            f"{name:<14}{messages:>11,}{peak:>9,}{medians[name]:>13,.0f}"
            f"  ({min(rates):,.0f}-{max(rates):,.0f})"
        )
    worst = min(medians, key=lambda name: medians[name])
    print(
        f"\nThe worst is {worst}: {medians[worst]:,.0f} messages/s in the engine, the "
        f"median of {repeats}."
    )
    return medians[worst] >= RATE_WANTED


# -- flatness --------------------------------------------------------------------------


def flat(orders: int, repeats: int, plot: Path) -> bool:
    """The table and the plot of costs; whether they are flat."""
    print(conditions(), flush=True)
    found = measure(repeats, orders)
    print(
        f"\nNanoseconds a command, median of {repeats} x {COMMANDS:,} commands, half "
        f"adds, half cancels; {LEVELS} levels a side"
    )
    panels = []
    for by, title in (
        ("orders", "One symbol"),
        ("symbols", "100,000 orders in all"),
    ):
        lines = [one for one in found if one.by == by]
        counts = [count for count, _ in lines[0].points]
        print(
            f"\n{by:<10}" + "".join(f"{count:>11,}" for count in counts) + "  max/min"
        )
        for one in lines:
            values = "".join(f"{value:>11,.0f}" for _, value in one.points)
            print(f"{one.way:<10}{values}{one.ratio:>9.2f}")
        axis = "resting orders" if by == "orders" else "symbols"
        panels.append((title, axis, {one.way: one.points for one in lines}))
    plot.parent.mkdir(parents=True, exist_ok=True)
    plot.write_text(svg(panels, "Nanoseconds a command (adds and cancels)"))
    print(f"\nThe plot is {plot}")
    return all(one.ratio <= RATIO_WANTED for one in found)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="bin/bench-engine",
        description="How fast the matching engine is by itself.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("what", choices=("flows", "flat"))
    parser.add_argument("--repeats", type=int, default=7, help="in turn; medians count")
    parser.add_argument(
        "--orders",
        type=int,
        help=f"of a flow ({SCENE_ORDERS:,}), or at most resting ({ORDERS[-1]:,})",
    )
    parser.add_argument("--plot", type=Path, default=BUILD / "flat.svg")
    parser.add_argument(
        "--check", action="store_true", help="exit 1 if it is not as it should be"
    )
    given = parser.parse_args()
    if given.what == "flows":
        good = flows(given.orders or SCENE_ORDERS, given.repeats)
    else:
        good = flat(given.orders or ORDERS[-1], given.repeats, given.plot)
    return int(given.check and not good)


if __name__ == "__main__":
    sys.exit(main())
