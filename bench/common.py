"""What the modules of the benchmark share: places, progress, the one error."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BENCH = ROOT / "bench"
BUILD = ROOT / "build" / "bench"


class BenchError(Exception):
    """The run cannot go on; the message says what to do."""


def progress(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


def tail(path: Path, lines: int = 15) -> str:
    """The end of a log, for an error message."""
    if not path.exists():
        return "(no output)"
    text = path.read_text(errors="replace").splitlines()[-lines:]
    return "\n".join(f"  | {line}" for line in text) or "(no output)"
