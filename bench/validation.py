"""What it costs to read and to judge one message: ours, simplefix, QuickFIX.

    .venv/bin/python bench/validation.py [--dictionary FIX44.xml] [--repeats 15]

All contenders work on the same NewOrderSingle(D), in one process, taking turns within
each repeat; figures are the medians of the repeats, in microseconds a message. Those of
two runs do not compare, the ratios within one do. ``--dictionary`` adds a full-size
dictionary to the small one of the exchange. QuickFIX is left out if it is not there; it
gets the bytes, as its engine does, and validates with the same dictionaries.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import simplefix

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from fixgw.dictionary import Dictionary, Rulebook, Switches, load, validate  # noqa: E402
from fixgw.wire import Framer, Message, finish, parse_message  # noqa: E402

SPEC = ROOT / "spec" / "FIX44.xml"
ROUNDS = 4_000
TIME = "20240131-12:00:00.123"
HEAD = f"35=D|34=123456|49=CLIENT|52={TIME}|56=EXCHANGE|"
ORDER = HEAD + (
    "1=ACC1|11=order-0000001|21=1|38=100|40=2|44=25000.5|54=1|55=BTC-USD|59=0|"
    f"60={TIME}|"
)
PARTIES = "453=2|448=TRADER1|447=D|452=12|448=FIRM1|447=D|452=1|"
STRICT = Switches()
TOLERANT = Switches(validate_user_defined_fields=False)
OWN_TAGS = "9001=desk|9002=7|"
BAD = ORDER.replace("40=2|", "40=w|")


def wire(text: str) -> bytes:
    return finish(b"FIX.4.4", text.replace("|", "\x01").encode())


def parsed(data: bytes) -> Message:
    message = parse_message(data)
    assert isinstance(message, Message), message
    return message


def ours(
    name: str, dictionary: Dictionary, text: str, switches: Switches = STRICT
) -> dict[str, Callable[[], object]]:
    """Contenders that judge with one dictionary."""
    data, rulebook = wire(text), Rulebook.single(dictionary)
    message = parsed(data)

    def both() -> object:
        return rulebook.judge(parsed(data), switches)

    return {
        f"judge, {name}": lambda: rulebook.judge(message, switches),
        f"parse + judge, {name}": both,
    }


def quickfix_contenders(path: Path, name: str) -> dict[str, Callable[[], object]]:
    try:
        import quickfix
    except ImportError:
        return {}
    dictionary = quickfix.DataDictionary(str(path))
    text = wire(ORDER).decode()

    def both() -> None:
        dictionary.validate(quickfix.Message(text, dictionary, True))

    return {f"QuickFIX parse + validate, {name}": both}


def simplefix_parse(data: bytes) -> Callable[[], object]:
    def parse() -> object:
        parser = simplefix.FixParser()
        parser.append_buffer(data)
        return parser.get_message()

    return parse


def contenders(full_size: Path | None) -> dict[str, Callable[[], object]]:
    small = load(SPEC.read_text(), SPEC.name)
    data = wire(ORDER)
    framer = Framer()
    fields = parsed(data).fields()
    found: dict[str, Callable[[], object]] = {
        "parse": lambda: parse_message(data),
        "frame + parse": lambda: framer.feed(data),
        **ours("exchange's dictionary", small, ORDER),
        "the long way alone": lambda: validate(small, "D", fields),
        **{
            f"{name}, refused": run
            for name, run in ours("exchange's dictionary", small, BAD).items()
        },
        **{
            f"{name}, own tags": run
            for name, run in ours(
                "exchange's dictionary", small, ORDER + OWN_TAGS, TOLERANT
            ).items()
        },
        "simplefix parse": simplefix_parse(data),
        **quickfix_contenders(SPEC, "exchange's dictionary"),
    }
    if full_size is not None:
        large = load(full_size.read_text(), full_size.name)
        found |= ours("full-size dictionary", large, ORDER)
        found |= {
            f"{name}, Parties": run
            for name, run in ours(
                "full-size dictionary", large, ORDER + PARTIES
            ).items()
        }
        found |= quickfix_contenders(full_size, "full-size dictionary")
    return found


def measure(run: Callable[[], object]) -> float:
    """Microseconds of one call, over a round of them."""
    begin = time.perf_counter_ns()
    for _ in range(ROUNDS):
        run()
    return (time.perf_counter_ns() - begin) / ROUNDS / 1000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dictionary", type=Path, help="a full-size FIX 4.4 one")
    parser.add_argument("--repeats", type=int, default=15)
    options = parser.parse_args()
    found = contenders(options.dictionary)
    times: dict[str, list[float]] = {name: [] for name in found}
    for _ in range(options.repeats):
        for name, run in found.items():
            times[name].append(measure(run))
    print(f"{'us a message':<52}{'median':>8}{'min':>8}{'max':>8}")
    for name, figures in times.items():
        middle = statistics.median(figures)
        print(f"{name:<52}{middle:>8.2f}{min(figures):>8.2f}{max(figures):>8.2f}")
    print(
        f"{len(wire(ORDER))} bytes, {len(parsed(wire(ORDER)).fields())} fields, "
        f"medians of {options.repeats} repeats of {ROUNDS} calls"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
