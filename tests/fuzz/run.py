"""Runs fuzz harnesses: ``tests/fuzz/run.py --seconds N --seed S [harness ...]``.

Time is divided among the harnesses (all of them by default). Inputs are mutations of
the corpus; one that reaches new compiled code, which the sanitizer build can tell, or
has an outcome that its harness has not yet SEEN, joins it. A failing
input is made smaller and kept, one for each place that fails, and the run goes on. The
input at work is in ``<artifacts>/<harness>-<process>.current``: it survives a
crash, and ``--input`` replays it. One that hangs is a crash after HANG_S seconds.
"""

from __future__ import annotations

import argparse
import faulthandler
import importlib
import mmap
import os
import struct
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from types import ModuleType

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

COMPILED = ("framing", "dictionary", "session", "orders", "flow", "shard")
"""Those that work compiled modules."""
PURE = ("proxy", "redaction", "certify_script")
HARNESSES = (*COMPILED, *PURE)
CURRENT_BYTES = 1 << 20
CORPUS_INPUTS_MAX = 4_000
SHRINK_TRIES_MAX = 1_500
FAILURES_MAX = 20
HANG_S = 60
"""Far beyond any input's time, even with the sanitizers on a busy machine."""


class Watchdog:
    """Ends the process, with its stack told, if no input was finished for HANG_S."""

    def __init__(self) -> None:
        self._set_at = 0.0

    def step(self) -> None:
        """An input is finished. It costs next to nothing."""
        now = time.monotonic()
        if now - self._set_at > 1:
            self._set_at = now
            faulthandler.dump_traceback_later(HANG_S, exit=True)

    def stop(self) -> None:
        """What follows may take its time."""
        faulthandler.cancel_dump_traceback_later()


class CurrentInput:
    """The input at work, in a mapped file: length and bytes.

    No two processes may share one: to open it cuts it short, under the other's feet.
    """

    def __init__(self, path: Path) -> None:
        with path.open("wb+") as file:
            file.truncate(CURRENT_BYTES)
            self._map = mmap.mmap(file.fileno(), CURRENT_BYTES)

    def set(self, data: bytes) -> None:
        size = min(len(data), CURRENT_BYTES - 8)
        self._map[:8] = struct.pack("<q", size)
        self._map[8 : 8 + size] = data[:size]

    @staticmethod
    def read(path: Path) -> bytes:
        content = path.read_bytes()
        return content[8 : 8 + struct.unpack("<q", content[:8])[0]]


@dataclass
class Result:
    """What a run of one harness came to."""

    harness: str
    inputs: int = 0
    corpus: int = 0
    blocks: int = 0
    seen: int = 0
    failures: dict[str, bytes] = field(default_factory=dict)
    details: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return (
            f"{self.harness}: {self.inputs} inputs, corpus {self.corpus}, "
            f"{self.blocks} blocks, {self.seen} outcomes, {len(self.failures)} failures"
        )


def load(name: str) -> ModuleType:
    return importlib.import_module(f"tests.fuzz.fuzz_{name}")


def corpus_of(harness: ModuleType) -> list[bytes]:
    folder = HERE / "corpus" / harness.CORPUS
    return [path.read_bytes() for path in sorted(folder.iterdir())]


def signature(error: BaseException) -> str:
    """Type and place of a failure: two with the same are taken for one."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [
        frame
        for frame in frames
        if Path(frame.filename).parent == HERE and frame.filename != __file__
    ] or list(frames)
    return f"{type(error).__name__} at {Path(own[-1].filename).name}:{own[-1].lineno}"


def failure_of(check: Callable[[bytes], None], data: bytes) -> tuple[str, str] | None:
    """Signature and text of what this input does wrong, None if it does nothing."""
    try:
        check(data)
    except Exception as error:
        return signature(error), "".join(traceback.format_exception(error))
    return None


def shrink(check: Callable[[bytes], None], data: bytes, wanted: str) -> bytes:
    """A smaller input with the same failure: pieces are left out while it stays."""
    tries = 0
    piece = max(len(data) // 2, 1)
    while piece and tries < SHRINK_TRIES_MAX:
        place = 0
        while place < len(data) and tries < SHRINK_TRIES_MAX:
            shorter = data[:place] + data[place + piece :]
            tries += 1
            found = failure_of(check, shorter)
            if found is not None and found[0] == wanted:
                data = shorter
            else:
                place += piece
        piece //= 2
    return data


def run(
    name: str,
    seconds: float,
    seed: int,
    artifacts: Path,
    watchdog: Watchdog | None = None,
    inputs_min: int = 0,
) -> Result:
    """One harness for ``seconds`` and at least ``inputs_min`` inputs, the corpus itself
    first."""
    from tests.fuzz.trace import Trace

    harness = load(name)
    random = Random(f"{seed} {name}")
    trace = Trace()
    artifacts.mkdir(parents=True, exist_ok=True)
    path = artifacts / f"{name}-{os.getpid()}.current"
    current = CurrentInput(path)
    corpus = corpus_of(harness)
    waiting = list(corpus)
    seen = getattr(harness, "SEEN", set())
    result = Result(name)
    begin = time.monotonic()
    while waiting or result.inputs < inputs_min or time.monotonic() - begin < seconds:
        if waiting:
            data = waiting.pop()
        else:
            data = harness.MUTATE(random, random.choice(corpus), corpus)
        current.set(data)
        if watchdog is not None:
            watchdog.step()
        known = trace.fresh + len(seen)
        found = failure_of(harness.check, data)
        result.inputs += 1
        if trace.fresh + len(seen) > known and len(corpus) < CORPUS_INPUTS_MAX:
            corpus.append(data)
        if found is not None and found[0] not in result.failures:
            if watchdog is not None:
                watchdog.stop()
            small = shrink(harness.check, data, found[0])
            result.failures[found[0]] = small
            result.details[found[0]] = found[1]
            place = found[0].replace(" ", "_").replace(":", "_")
            (artifacts / f"{name}-{place}").write_bytes(small)
            if len(result.failures) >= FAILURES_MAX:
                break
    path.unlink()
    result.corpus = len(corpus)
    result.blocks = trace.fresh
    result.seen = len(seen)
    return result


def replay(name: str, path: Path) -> int:
    """One input again, with the whole traceback."""
    data = path.read_bytes()
    if path.suffix == ".current":
        data = CurrentInput.read(path)
    sys.stdout.write(f"{name}: {len(data)} bytes: {data!r}\n")
    load(name).check(data)
    sys.stdout.write("nothing wrong\n")
    return 0


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="fuzz what reads untrusted bytes")
    parser.add_argument("--seconds", type=float, default=10, help="in all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--artifacts", type=Path, default=ROOT / "build" / "fuzz")
    parser.add_argument("--input", type=Path, help="replay this file, for one harness")
    parser.add_argument("harness", nargs="*", default=[], help=", ".join(HARNESSES))
    options = parser.parse_args(arguments)
    names = options.harness or list(HARNESSES)
    for name in names:
        if name not in HARNESSES:
            parser.error(f"unknown harness {name!r}; known: {', '.join(HARNESSES)}")
    if options.input:
        return replay(names[0], options.input)
    import engine.shard

    sys.stdout.write(f"seed {options.seed}, engine {engine.shard.__file__}\n")
    failed = False
    watchdog = Watchdog()
    for name in names:
        share = options.seconds / len(names)
        result = run(name, share, options.seed, options.artifacts, watchdog)
        sys.stdout.write(f"{result}\n")
        for place, data in result.failures.items():
            failed = True
            sys.stdout.write(f"  {place}: {data[:2000]!r}\n")
            sys.stdout.write(f"{result.details[place]}\n")
        sys.stdout.flush()
    watchdog.stop()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
