"""``fixgw replay-orders``: an order flow in CSV through the matching engine alone.

No session, no journal, no risk check: what the book does with these orders, and nothing
else. ``spec/order_flow.md`` describes both formats. The work is in :mod:`engine.flow`;
here are the files, the clock and the messages.
"""

from __future__ import annotations

import csv
import os
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import click

from engine.flow import COLUMNS, HEADER, Flow
from engine.instruments import load as load_instruments
from engine.shard import Shard

CHUNK_BYTES = 1 << 20

HEADER_BYTES_MAX = 1 << 16
"""A first line longer than this is no header of ours, whatever it is."""

EXIT_MALFORMED = 1
EXIT_UNUSABLE = 2
"""Nothing was, or could be, done: the same code as for a wrong option."""

EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141
"""What a shell reports for a filter whose reader went away."""

_PROGRESS_SECONDS = 0.2
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Unusable(click.ClickException):
    """The run cannot be done; the text says what to change."""

    exit_code = EXIT_UNUSABLE


@dataclass(frozen=True, slots=True)
class Times:
    """What a run took, and how much of that inside the engine.

    The latter is processor time: what others do on the machine is not the engine's.
    """

    seconds: float
    engine_seconds: float


def read_columns(line: bytes) -> list[str]:
    """The column names of a header line. Raises ValueError if it is not one."""
    try:
        text = line.removeprefix(_BYTE_ORDER_MARK).rstrip(b"\r\n").decode()
        rows = list(csv.reader([text], strict=True))
    except (UnicodeDecodeError, csv.Error):
        raise ValueError("the first line is not a CSV header") from None
    if not rows or not rows[0]:
        raise ValueError("the header line is empty")
    return rows[0]


def take_header(chunks: Iterator[bytes]) -> tuple[bytes, bytes]:
    """The first line, and what was read of the rest. Raises ValueError without one."""
    head = b""
    for chunk in chunks:
        head += chunk
        line, found, rest = head.partition(b"\n")
        if found or len(line) > HEADER_BYTES_MAX:
            break
    if not head:
        raise ValueError("the file is empty; it must begin with a header line")
    if len(line) > HEADER_BYTES_MAX:
        raise ValueError("the first line is not a CSV header")
    return line, rest


def open_flow(
    chunks: Iterator[bytes], shard: Shard, warn: Callable[[str], object]
) -> Flow:
    """A flow whose header has been read and whose first lines are loaded.

    Raises ValueError when the header cannot be used.
    """
    line, rest = take_header(chunks)
    columns = read_columns(line)
    flow = Flow(shard, columns)
    if ignored := [repr(name) for name in columns if name.lower() not in COLUMNS]:
        warn(f"ignored columns: {', '.join(ignored)}")
    flow.load(rest)
    return flow


def replay(
    flow: Flow,
    chunks: Iterator[bytes],
    write: Callable[[bytes], object],
    progress: Callable[[Flow], object] | None = None,
) -> Times:
    """Takes ``flow`` through the rest of its file, writing rows as they come."""
    clock, engine_clock = time.perf_counter, time.thread_time
    started = clock()
    engine_seconds = 0.0

    def drain() -> None:
        nonlocal engine_seconds
        while flow.parse():
            before = engine_clock()
            flow.run()
            engine_seconds += engine_clock() - before
            write(flow.rows())

    write(HEADER)
    drain()
    for chunk in chunks:
        flow.load(chunk)
        drain()
        if progress:
            progress(flow)
    flow.finish()
    drain()
    return Times(clock() - started, engine_seconds)


def read_chunks(stream: BinaryIO) -> Iterator[bytes]:
    """The stream in chunks: of what there is, so that a pipe is answered at once."""
    descriptor = stream.fileno()
    while chunk := os.read(descriptor, CHUNK_BYTES):
        yield chunk


def render_stats(flow: Flow, times: Times) -> str:
    """The lines ``--stats`` prints."""
    rate = flow.messages / times.engine_seconds if times.engine_seconds else 0.0
    rows = (
        ("lines", f"{flow.records:,}"),
        ("malformed lines", f"{flow.malformed:,}"),
        ("events", f"{flow.row_count:,}"),
        ("peak resting orders", f"{flow.resting_peak:,}"),
        ("seconds in all", f"{times.seconds:.3f}"),
        ("seconds in the engine", f"{times.engine_seconds:.3f}"),
        ("engine messages/s", f"{rate:,.0f}"),
    )
    return "\n".join(f"{name:<22}{value:>14}" for name, value in rows)


class Progress:
    """A counter on one line of a terminal."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.next = self.started + _PROGRESS_SECONDS
        self.shown = False

    def __call__(self, flow: Flow) -> None:
        now = time.monotonic()
        if now < self.next:
            return
        self.next = now + _PROGRESS_SECONDS
        self.shown = True
        rate = flow.records / (now - self.started)
        click.echo(
            f"\r{flow.records:,} lines, {flow.row_count:,} events, "
            f"{rate:,.0f} lines/s ",
            err=True,
            nl=False,
        )

    def close(self) -> None:
        """Ends the line, so that what follows begins on its own."""
        if self.shown:
            click.echo(err=True)


def make_shard(instruments: Path | None) -> Shard:
    """A shard with the instruments of a file, or with none."""
    # No event depends on the key; it only has to be unknown to whoever made the file.
    shard = Shard(0, secrets.token_bytes(16))
    if instruments is None:
        return shard
    try:
        commands = load_instruments(instruments.read_text("utf-8"), str(instruments))
    except UnicodeDecodeError:
        raise Unusable(f"{instruments} is not a text file in UTF-8") from None
    except (OSError, ValueError) as error:
        raise Unusable(str(error)) from None
    if commands:
        shard.apply(b"".join(command.pack() for command in commands), 1)
    return shard


def open_source(stack: ExitStack, file: str) -> BinaryIO:
    if file == "-":
        return sys.stdin.buffer
    return stack.enter_context(Path(file).open("rb", buffering=0))


def open_sink(stack: ExitStack, file: str, output: Path | None) -> BinaryIO:
    if output is None:
        return sys.stdout.buffer
    if file != "-" and output.exists() and output.samefile(file):
        raise Unusable(f"{output} is the input; give another name to --output")
    return stack.enter_context(output.open("wb", buffering=0))


def write_all(sink: BinaryIO) -> Callable[[bytes], None]:
    """A function that has written all it is given when it returns."""

    def write(data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[sink.write(view) :]
        sink.flush()

    return write


def say(file: str, text: str) -> None:
    click.echo(f"fixgw: {file}: {text}", err=True)


def silence_stdout() -> None:
    """Points a broken standard output at nothing, so that the exit flush is quiet."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


@click.command("replay-orders")
@click.argument("file", type=click.Path(allow_dash=True))
@click.option(
    "--instruments",
    type=click.Path(path_type=Path, dir_okay=False),
    help="CSV of symbols with tick, lot and limits. Other symbols are free.",
)
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the events to this file instead of standard output.",
)
@click.option("--stats", is_flag=True, help="Print counts and times to stderr.")
@click.option(
    "--progress/--no-progress",
    default=None,
    help="Count lines on stderr. Default: if that is a terminal, the output not.",
)
def replay_orders(
    file: str,
    instruments: Path | None,
    output: Path | None,
    stats: bool,
    progress: bool | None,
) -> None:
    """Run an order flow in CSV through the matching engine alone.

    FILE has a header line (op,order_id,symbol,side,price,qty,type,tif) and one order,
    cancel or replace per line; - is standard input. Each thing that happens is written
    as a CSV line that names the input line that caused it. spec/order_flow.md describes
    both.

    Exit status: 0, or 1 if some lines were malformed (each is reported in its place and
    changes nothing), or 2 if the run was not possible.
    """
    shard = make_shard(instruments)
    if progress is None:
        stdout_shown = output is None and sys.stdout.isatty()
        progress = sys.stderr.isatty() and not stdout_shown
    counter = Progress() if progress else None
    with ExitStack() as stack:
        if counter:
            stack.callback(counter.close)
        try:
            chunks = read_chunks(open_source(stack, file))
            try:
                flow = open_flow(chunks, shard, lambda text: say(file, text))
            except ValueError as error:
                raise Unusable(f"{file}: {error}") from None
            # Only now, so that a wrong file costs nobody the output of the last run.
            sink = open_sink(stack, file, output)
            times = replay(flow, chunks, write_all(sink), counter)
        except BrokenPipeError:
            if output is None:
                silence_stdout()
            sys.exit(EXIT_BROKEN_PIPE)
        except KeyboardInterrupt:
            sys.exit(EXIT_INTERRUPTED)
        except OSError as error:
            raise Unusable(f"{error.filename or file}: {error.strerror}") from None
    if stats:
        click.echo(render_stats(flow, times), err=True)
    if flow.malformed:
        say(
            file,
            f"{flow.malformed:,} of {flow.records:,} lines malformed, the first is "
            f"line {flow.first_malformed}; they changed nothing",
        )
        sys.exit(EXIT_MALFORMED)
