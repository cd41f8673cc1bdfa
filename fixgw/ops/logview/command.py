"""``fixgw log``: the options, and what goes where."""

from __future__ import annotations

import io
import os
import re
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from fixgw.config import ROOT
from fixgw.dictionary import Dictionary, DictionaryError, load
from fixgw.ops.logview.filters import Filter, msg_types, seq_range
from fixgw.ops.logview.items import LogProblem
from fixgw.ops.logview.opening import FORMATS, Reading, file_to_come, open_source
from fixgw.ops.logview.orderchain import OrderChain
from fixgw.ops.logview.outbox import OutboxSource
from fixgw.ops.logview.reader import Reader
from fixgw.ops.logview.render import Renderer
from fixgw.ops.logview.sources import EXPECTED, Source
from fixgw.ops.logview.store import StoreSource
from fixgw.ops.logview.times import EXAMPLES, Bound

EXIT_PROBLEM, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130
FOLLOW_LAST = 10
"""How much of the past --follow shows unless told otherwise, as tail does."""

_PAGE = f"""\b
Examples:
  fixgw log data/gateway-0/outbox                   all that was sent, to everybody
  fixgw log data/gateway-0/outbox --follow --session BUYER
  fixgw log FIX.4.4-BUYER-EXCHANGE.messages.current.log --type D,ExecutionReport
  fixgw log --merge buyer/*.log seller/*.log --id BUYER-7 --full
  fixgw log app.log --since 09:30 --until 09:35 --grep '58=.*late'
  zcat old.log.gz | fixgw log - --json | jq .cl_ord_id

\b
{EXPECTED}

Times are UTC; without a date they hold for every day: {EXAMPLES}.
"""


class _Output:
    """Standard output, quiet when nobody reads it any more."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def write(self, line: str) -> None:
        self._lines.append(line)
        if len(self._lines) >= 500:
            self.flush()

    def flush(self) -> None:
        if self._lines:
            text = "\n".join(self._lines) + "\n"
            self._lines.clear()
            sys.stdout.write(text)
            sys.stdout.flush()


@click.command("log", epilog=_PAGE)
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes; see --last.")
@click.option(
    "--last",
    type=click.IntRange(min=0),
    metavar="N",
    help=f"Only the last N that pass the filters [with --follow: {FOLLOW_LAST}].",
)
@click.option("--merge", is_flag=True, help="Several logs as one, by time.")
@click.option("--session", multiple=True, metavar="NAME", help="Comp ID, or A->B.")
@click.option(
    "--type", "types", multiple=True, metavar="TYPES", help="MsgTypes or names: D,8."
)
@click.option(
    "--id",
    "order",
    metavar="ID",
    help="One order by any ClOrdID or OrderID of it, through all its replaces.",
)
@click.option("--symbol", multiple=True, metavar="NAME", help="Symbol(55).")
@click.option("--since", metavar="TIME", help="From this time on.")
@click.option("--until", metavar="TIME", help="Before this time.")
@click.option("--seq", metavar="A-B", help="MsgSeqNum(34): 7, 7-9, 7- or -9.")
@click.option("--grep", metavar="REGEX", help="In the message as tag=value|tag=value|.")
@click.option(
    "--direction", type=click.Choice(["in", "out"]), help="As its owner sees it."
)
@click.option("--no-heartbeats", is_flag=True, help="No Heartbeat, no TestRequest.")
@click.option("--full", "form", flag_value="full", help="All fields, with names.")
@click.option("--raw", "form", flag_value="raw", help="As on the wire, | for SOH.")
@click.option("--json", "form", flag_value="json", help="One object per message.")
@click.option("--entries", is_flag=True, help="Of stores also positions and resets.")
@click.option(
    "--format",
    "log_format",
    type=click.Choice(FORMATS),
    default="auto",
    show_default=True,
    help="What the files are; quickfix also shows lines that hold no message.",
)
@click.option("--us", default="", metavar="NAME", help="Whose log it is, if unclear.")
@click.option(
    "--dictionary",
    type=click.Path(path_type=Path),
    help="A QuickFIX dictionary to take names from [spec/FIX44.xml].",
)
@click.option("--show-secrets", is_flag=True, help="Passwords as they are in the log.")
@click.option(
    "--colour",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    show_default=True,
    help="auto: on a terminal.",
)
def log(files: tuple[str, ...], **options: Any) -> None:
    """Show the FIX messages in logs, one to a line, with names.

    FILE is a log of QuickFIX, the outbox of a gateway, any text that has FIX messages
    in it, or - for standard input. What it is is found out by looking.
    """
    click.get_current_context().exit(_main(files, options))


def _main(files: tuple[str, ...], options: dict[str, Any]) -> int:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that knows no arrows
    output = _Output()
    complaints: list[str] = []

    def complain(text: str) -> None:
        output.flush()
        complaints.append(text)
        click.echo(f"fixgw log: {text}", err=True)

    try:
        dictionary = _dictionary(options["dictionary"])
        wanted = _filter(options, dictionary)
    except ValueError as error:
        complain(str(error))
        return EXIT_USAGE
    with ExitStack() as stack:
        sources = _sources(files, options, dictionary, complain)
        for source in sources:
            stack.callback(source.close)
        # A pipe is followed to its end in any case.
        follow = options["follow"] and all(source.can_rewind for source in sources)
        reader = Reader(
            sources,
            wanted,
            _renderer(options, dictionary, sources),
            output.write,
            output.flush,
            complain,
            merge=options["merge"],
            last=FOLLOW_LAST if follow and options["last"] is None else options["last"],
            headers=len(sources) > 1
            and not options["merge"]
            and options["form"] not in ("json", "raw"),
        )
        try:
            reader.follow() if follow else reader.show()
        except KeyboardInterrupt:
            return EXIT_INTERRUPTED
        except BrokenPipeError:
            # Nobody reads any more (``| head``): that is no error.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
    if wanted.without_direction:
        complain(
            f"{wanted.without_direction} messages were left out, for the log does not "
            "say which way they went: name its owner with --us"
        )
    return EXIT_PROBLEM if complaints else 0


def _dictionary(path: Path | None) -> Dictionary:
    """The dictionary for names. Raises ValueError."""
    path = path or ROOT / "spec" / "FIX44.xml"
    try:
        return load(path.read_text("utf-8"), str(path))
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from error
    except (DictionaryError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: {error}") from error


def _filter(options: dict[str, Any], dictionary: Dictionary) -> Filter:
    """What the options ask for. Raises ValueError."""
    now_ns = time.time_ns()
    since, until = options["since"], options["until"]
    try:
        grep = re.compile(options["grep"]) if options["grep"] else None
    except re.error as error:
        raise ValueError(f"--grep {options['grep']!r}: {error}") from error
    wanted = Filter(
        sessions=frozenset(options["session"]),
        types=msg_types(options["types"], dictionary),
        symbols=frozenset(options["symbol"]),
        outgoing=None
        if options["direction"] is None
        else options["direction"] == "out",
        since=Bound(since, now_ns) if since else None,
        until=Bound(until, now_ns) if until else None,
        grep=grep,
        chain=OrderChain(options["order"]) if options["order"] else None,
        heartbeats=not options["no_heartbeats"],
    )
    if options["seq"]:
        wanted.seq = seq_range(options["seq"])
    return wanted


def _sources(
    files: tuple[str, ...],
    options: dict[str, Any],
    dictionary: Dictionary,
    complain: Any,
) -> list[Source]:
    reading = Reading(
        dictionary.data_lengths,
        options["log_format"],
        options["entries"],
        options["us"],
    )
    sources: list[Source] = []
    for name in files:
        try:
            if options["follow"] and name != "-" and not Path(name).exists():
                click.echo(f"fixgw log: {name} does not exist yet", err=True)
                sources.append(file_to_come(name, reading))
            else:
                sources.append(open_source(name, reading))
        except LogProblem as problem:
            complain(str(problem))
    return sources


def _renderer(
    options: dict[str, Any], dictionary: Dictionary, sources: list[Source]
) -> Renderer:
    colour = options["colour"] == "always" or (
        options["colour"] == "auto"
        and sys.stdout.isatty()
        and "NO_COLOR" not in os.environ
    )
    return Renderer(
        dictionary,
        options["form"] or "line",
        colour,
        label=_label(sources),
        secrets=options["show_secrets"],
    )


def _label(sources: list[Source]) -> str:
    """How lines name their session: not at all where the log is of one only."""
    if len(sources) != 1:
        return "both"
    if isinstance(sources[0], OutboxSource):
        return "partner"
    name = Path(sources[0].name).name
    of_quickfix = name.startswith("FIX") and (".messages" in name or ".event" in name)
    return "" if of_quickfix or isinstance(sources[0], StoreSource) else "both"
