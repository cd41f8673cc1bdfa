"""Side-by-side benchmark: fixgw against QuickFIX C++, same client, same run.

See README.md beside this file for what is measured and what is not.
"""

import argparse
import os
import signal
import sys
import tempfile
from pathlib import Path
from types import FrameType

import artifacts
import conditions
import report
from common import BUILD, BenchError, progress
from contenders import CONTENDERS, OURS, Contender, running
from load import SHAPES, Order, Result, Shape, measure

DEFAULT = ["fixgw", "quickfix-file"]
QUICK_SECONDS = 2.0


def main() -> int:
    arguments = parse_arguments()
    signal.signal(signal.SIGTERM, stop_on_signal)
    # A shell starts background jobs with SIGINT ignored, and our servers would inherit
    # that although SIGINT is how they are ended.
    signal.signal(signal.SIGINT, stop_on_signal)
    try:
        run(arguments)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bench: interrupted", file=sys.stderr)
        return 130
    return 0


def stop_on_signal(number: int, frame: FrameType | None) -> None:
    """Ends like Ctrl-C, so that the servers are ended too."""
    raise KeyboardInterrupt


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bin/bench",
        description="Compares fixgw with QuickFIX C++ in orders/s, round trip and CPU.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--repeats", type=int, default=5, help="interleaved repeats of every row")
    add("--quick", action="store_true", help="one short repeat: does it run at all")
    add("--seconds", type=float, default=3.0, help="most time for one measurement")
    add("--orders", type=int, help="most orders in one measurement (else per shape)")
    add(
        "--contender",
        action="append",
        choices=list(CONTENDERS),
        help=f"may be repeated; without it {' and '.join(DEFAULT)}",
    )
    add("--all", action="store_true", help="all contenders")
    add("--json", type=Path, metavar="FILE", help="also write every repeat to FILE")
    add("--data", type=Path, metavar="DIR", default=BUILD, help="where servers write")
    add("--dictionary", type=Path, metavar="XML", help="QuickFIX's FIX44.xml")
    order = parser.add_argument_group("the order")
    add = order.add_argument
    add("--symbol", default="ACME", help="Symbol(55)")
    add("--price", default="10.00", help="highest Price(44); all orders are buys")
    add("--tick", default="0.01", help="distance of two price levels")
    add("--levels", type=int, default=100, help="number of price levels")
    add("--quantity", default="1", help="OrderQty(38)")
    add("--account", default="", help="Account(1), none if empty")
    arguments = parser.parse_args()
    if arguments.repeats < 1 or not 0 < arguments.seconds <= 40:
        parser.error("--repeats is at least 1, --seconds above 0 and at most 40")
    if arguments.orders is not None and arguments.orders < 1000:
        parser.error("--orders is at least 1000: ten writes of the largest shape")
    return arguments


def run(arguments: argparse.Namespace) -> None:
    names = list(CONTENDERS) if arguments.all else arguments.contender or DEFAULT
    # Ours first whatever the order of the options: the ratios are ours to theirs.
    chosen = [CONTENDERS[name] for name in CONTENDERS if name in names]
    data = arguments.data.resolve()
    data.mkdir(parents=True, exist_ok=True)
    made = artifacts.build(any(c is not OURS for c in chosen), arguments.dictionary)
    state = conditions.gather(chosen, made, data)
    repeats = 1 if arguments.quick else arguments.repeats
    results = measure_all(arguments, chosen, made, data, repeats)
    rows = [
        report.Row(shape, contender, results[shape, contender.name])
        for shape in SHAPES
        for contender in chosen
    ]
    print(report.table(rows, repeats))
    print()
    print(report.conditions_text(state))
    if arguments.quick:
        print("\nA quick run shows that everything works; its figures mean nothing.")
    if arguments.json:
        report.write_json(arguments.json, state, rows)
        progress(f"wrote {arguments.json}")


def measure_all(
    arguments: argparse.Namespace,
    chosen: list[Contender],
    made: artifacts.Artifacts,
    data: Path,
    repeats: int,
) -> dict[tuple[Shape, str], list[Result]]:
    """Every shape and contender, a fresh server each; contenders alternate, and change
    places from repeat to repeat, so that a slow minute of the machine hits all."""
    order = Order(
        symbol=arguments.symbol,
        price=arguments.price,
        tick=arguments.tick,
        quantity=arguments.quantity,
        levels=arguments.levels,
        account=arguments.account,
    )
    seconds = QUICK_SECONDS if arguments.quick else arguments.seconds
    results: dict[tuple[Shape, str], list[Result]] = {}
    total = repeats * len(SHAPES) * len(chosen)
    done = 0
    for repeat in range(repeats):
        turn = chosen if repeat % 2 == 0 else chosen[::-1]
        for number, shape in enumerate(SHAPES):
            count = shape.orders_quick if arguments.quick else shape.orders
            count = min(count, arguments.orders or count)
            for contender in turn:
                # The process id keeps ClOrdIDs of two runs on one data folder apart.
                prefix = f"{os.getpid()}-{repeat}{number}-"
                with (
                    tempfile.TemporaryDirectory(dir=data, prefix="run-") as folder,
                    running(contender, made, Path(folder)) as server,
                ):
                    result = measure(
                        made.client, server, shape, order, count, seconds, prefix
                    )
                results.setdefault((shape, contender.name), []).append(result)
                done += 1
                progress(
                    f"[{done}/{total}] {shape.title}, {contender.name}: "
                    f"{result.rate:,.0f} orders/s, p50 {result.p50_us:,.0f} us"
                )
    return results


if __name__ == "__main__":
    sys.exit(main())
