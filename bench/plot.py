"""A plot of costs as SVG, without anything to install."""

from __future__ import annotations

import math
from collections.abc import Sequence
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 460, 320
LEFT, RIGHT, TOP, BOTTOM = 58, 16, 46, 52
COLOURS = ("#1b6ca8", "#c2541b")

Points = Sequence[tuple[int, float]]


def svg(panels: Sequence[tuple[str, str, dict[str, Points]]], title: str) -> str:
    """Panels side by side: title, what the x axis counts, and lines by name.

    The x axis is logarithmic, the y axis begins at 0 and is the same for all.
    """
    top = max(
        y for _, _, lines in panels for points in lines.values() for _, y in points
    )
    step = _step(top)
    high = step * math.ceil(top * 1.05 / step)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH * len(panels)}" '
        f'height="{HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH * len(panels)}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="18" font-size="14">{escape(title)}</text>',
    ]
    for number, (name, axis, lines) in enumerate(panels):
        parts.append(f'<g transform="translate({number * WIDTH},0)">')
        parts += _panel(name, axis, lines, step, high)
        parts.append("</g>")
    return "\n".join([*parts, "</svg>"]) + "\n"


def _step(top: float) -> float:
    """A round number that divides the axis into some five parts."""
    rough = 10 ** math.floor(math.log10(top / 5))
    return next(rough * n for n in (1, 2, 5, 10) if rough * n >= top / 5)


def _panel(
    name: str, axis: str, lines: dict[str, Points], step: float, high: float
) -> list[str]:
    counts = sorted({x for points in lines.values() for x, _ in points})
    low, last = math.log10(counts[0]), math.log10(counts[-1])
    width, height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def place(x: float, y: float) -> tuple[float, float]:
        across = (math.log10(x) - low) / ((last - low) or 1)
        return LEFT + width * across, TOP + height * (1 - y / high)

    parts = [f'<text x="{LEFT}" y="38" fill="#333">{escape(name)}</text>']
    for mark in range(round(high / step) + 1):
        _, y = place(counts[0], mark * step)
        parts.append(
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" '
            'stroke="#ddd"/>'
            f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end" fill="#333">'
            f"{mark * step:g}</text>"
        )
    for count in counts:
        x, _ = place(count, 0)
        parts.append(
            f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle" '
            f'fill="#333">{count:,}</text>'
        )
    parts.append(
        f'<text x="{LEFT + width / 2:.0f}" y="{HEIGHT - 12}" text-anchor="middle" '
        f'fill="#333">{escape(axis)}</text>'
    )
    for colour, (line, points) in zip(COLOURS, lines.items(), strict=False):
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*p) for p in points))
        parts.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}" '
            'stroke-width="2"/>'
        )
        for point in points:
            x, y = place(*point)
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>')
        x, y = place(*points[-1])
        parts.append(
            f'<text x="{x:.1f}" y="{y - 8:.1f}" text-anchor="end" fill="{colour}">'
            f"{escape(line)}</text>"
        )
    return parts
