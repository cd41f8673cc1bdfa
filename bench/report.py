"""The table and the JSON of a run."""

import json
import textwrap
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from contenders import OURS, Contender
from load import Result, Shape

CLIENT_BUSY_MAX = 0.9  # above this share of a core the client was the limit
LABEL_WIDTH = 26
COLUMNS = "{:<16}{:<29}{:>9} {:<20}{:>8}{:>8}{:>10}"


@dataclass(frozen=True)
class Row:
    """One contender under one shape: all repeats, and their medians."""

    shape: Shape
    contender: Contender
    results: list[Result]

    def middle(self, name: str) -> float:
        return float(median(getattr(result, name) for result in self.results))

    @property
    def rates(self) -> list[float]:
        return [result.rate for result in self.results]

    @property
    def client_busy(self) -> float:
        return median(result.client_busy for result in self.results)


def table(rows: list[Row], repeats: int) -> str:
    """Rows grouped by shape, ours first, each group closed by the ratios."""
    lines = [
        COLUMNS.format(
            "orders per write", "", "orders/s", "", "round", "trip us", "CPU us"
        ).rstrip(),
        COLUMNS.format(
            "x outstanding", "server", "median", "(min-max)", "p50", "p99", "per order"
        ),
        "-" * 100,
    ]
    for shape in dict.fromkeys(row.shape for row in rows):
        group = [row for row in rows if row.shape == shape]
        label = shape.title.replace("ping-pong", "rtt")
        for row in group:
            lines.append(row_line(label, row))
            label = ""
        ours = [row for row in group if row.contender is OURS]
        for row in group:
            if ours and row.contender is not OURS:
                lines.append(ratio_line(ours[0], row))
        lines.append("")
    lines.append(
        f"Medians of {repeats} interleaved repeats. A round trip is from the write to "
        "the last report\nof that write. CPU: all processes of the server."
    )
    for row in rows:
        if row.client_busy > CLIENT_BUSY_MAX:
            lines.append(
                f"{row.shape.title}, {row.contender.name}: the client used "
                f"{row.client_busy:.0%} of a core and was the limit."
            )
    return "\n".join(lines)


def row_line(label: str, row: Row) -> str:
    return COLUMNS.format(
        label,
        row.contender.title,
        f"{row.middle('rate'):,.0f}",
        f"({min(row.rates):,.0f}-{max(row.rates):,.0f})",
        f"{row.middle('p50_us'):,.0f}",
        f"{row.middle('p99_us'):,.0f}",
        f"{row.middle('server_cpu_us'):.2f}",
    )


def ratio_line(ours: Row, theirs: Row) -> str:
    names = ("rate", "p50_us", "p99_us", "server_cpu_us")
    rate, p50, p99, cpu = (ratio(ours, theirs, name) for name in names)
    label = f"  fixgw / {theirs.contender.name.removeprefix('quickfix-')}"
    return COLUMNS.format("", label, rate, "", p50, p99, cpu)


def ratio(ours: Row, theirs: Row, name: str) -> str:
    below = theirs.middle(name)
    return f"{ours.middle(name) / below:.2f}x" if below else "-"


def conditions_text(conditions: dict[str, str]) -> str:
    lines = []
    for name, text in conditions.items():
        indent = " " * LABEL_WIDTH
        lines += textwrap.wrap(
            text, 100, initial_indent=f"{name:<{LABEL_WIDTH}}", subsequent_indent=indent
        )
    return "\n".join(lines)


def write_json(path: Path, conditions: dict[str, str], rows: list[Row]) -> None:
    """Everything, repeat by repeat, so that other summaries can be made from it."""
    document = {
        "conditions": conditions,
        "rows": [
            {
                "contender": row.contender.name,
                "batch": row.shape.batch,
                "window": row.shape.window,
                "median": {name: row.middle(name) for name in asdict(row.results[0])},
                "repeats": [asdict(result) for result in row.results],
            }
            for row in rows
        ],
    }
    path.write_text(json.dumps(document, indent=2) + "\n")
