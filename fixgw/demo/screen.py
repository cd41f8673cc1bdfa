"""The market in a terminal: a table that lives, or a line now and then."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from fixgw.demo.tally import Row, Tally

LIVE_S = 0.5
"""How often the table is drawn: faster than a person reads, slow enough to be cheap."""

LINE_S = 5.0

FLASH_S = 1.0
"""A row that has traded is bright for so long."""


class Screen(Protocol):
    """Shows a tally."""

    every_s: float

    def show(self, tally: Tally, problems: list[str]) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class LiveTable:
    """All instruments, drawn over and over; as many as the terminal is high."""

    every_s = LIVE_S

    def __init__(self, console: Console, banner: str) -> None:
        self._console = console
        self._banner = banner
        self._live = Live(
            console=console, auto_refresh=False, redirect_stderr=False, screen=False
        )
        self._seen: dict[str, tuple[int, float]] = {}
        self._last: dict[str, str] = {}
        self._began = time.monotonic()

    def __enter__(self) -> Self:
        # Not a part of what is drawn: a wrapped address cannot be clicked.
        _say(self._console, self._banner)
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()

    def show(self, tally: Tally, problems: list[str]) -> None:
        """Draw what there is now."""
        self._live.update(self._drawn(tally, problems), refresh=True)

    def _drawn(self, tally: Tally, problems: list[str]) -> Group:
        now = time.monotonic()
        table = Table(box=None, padding=(0, 1), header_style="dim")
        for name in ("", "bid", "ask", "last", "24 h %", "volume", "trades"):
            table.add_column(name, justify="left" if not name else "right")
        room = self._console.height - 5 - len(problems)
        rows = tally.rows()
        shown = rows if len(rows) <= room else _busiest(rows, room)
        for row in shown:
            table.add_row(*self._cells(row, now))
        more = len(rows) - len(shown)
        requests, trades = tally.rates()
        total = Text.assemble(
            (f"\n {tally.requests:,} requests ", "bold"),
            (f"{requests:.0f}/s   ", "dim"),
            (f"{tally.trades:,} trades ", "bold"),
            (f"{trades:.1f}/s   ", "dim"),
            (f"{tally.open_orders} open orders   ", ""),
            (f"{now - self._began:.0f} s   ", "dim"),
            (f"{more} more instruments" if more > 0 else "", "dim"),
        )
        return Group(table, total, *(Text(f" ! {p}", "red") for p in problems))

    def _cells(self, row: Row, now: float) -> list[Text]:
        seq, at = self._seen.get(row.symbol, (row.trade_seq, 0.0))
        if seq != row.trade_seq:
            at = now
        self._seen[row.symbol] = row.trade_seq, at
        hot = "bold" if now - at < FLASH_S else ""
        change = row.change_percent
        hue = "red" if change.startswith("-") else "green"
        symbol = Text(row.symbol, "bold")
        if row.is_halted:
            symbol.append(" halted", "red")
        return [
            symbol,
            Text(row.bid, "green"),
            Text(row.ask, "red"),
            Text(row.last, hot),
            Text(change, hue if change.strip("-0.") else "dim"),
            Text(row.volume, hot),
            Text(f"{row.trades:,}", hot),
        ]


class Lines:
    """A line of totals now and then, for logs and pipes."""

    every_s = LINE_S

    def __init__(self, console: Console, banner: str) -> None:
        self._console = console
        self._banner = banner

    def __enter__(self) -> Self:
        _say(self._console, self._banner)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass

    def show(self, tally: Tally, problems: list[str]) -> None:
        """One line about everything, with the busiest instrument."""
        requests, trades = tally.rates()
        text = (
            f"{time.strftime('%H:%M:%S', time.gmtime())}  "
            f"{tally.requests} requests ({requests:.0f}/s)  "
            f"{tally.trades} trades ({trades:.1f}/s)  "
            f"{tally.open_orders} open orders"
        )
        busiest = _busiest(tally.rows(), 1)
        if busiest:
            row = busiest[0]
            text += f"  {row.symbol} {row.bid} / {row.ask}, last {row.last}"
        _say(self._console, "; ".join([text, *problems]))


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def _busiest(rows: list[Row], count: int) -> list[Row]:
    """The rows with the most trades, in the order they had."""
    names = {r.symbol for r in sorted(rows, key=lambda r: -r.trades)[: max(count, 0)]}
    return [row for row in rows if row.symbol in names]
