"""Plots as SVG: bars and curves."""

from collections.abc import Mapping, Sequence
from html import escape
from math import ceil, log10

WIDTH, BAR, GAP, LEFT, TOP = 720, 18, 10, 250, 44
HEIGHT = 260  # the curves' field
COLOURS = ("#2f6db3", "#c8553d", "#e0a458")


def bars(title: str, unit: str, groups: Mapping[str, Mapping[str, float]]) -> str:
    """Draw groups of bars on a logarithmic scale; a group has one bar of every series."""
    series = list(next(iter(groups.values())))
    values = [value for group in groups.values() for value in group.values() if value > 0]
    low, high = 10 ** int(log10(min(values)) // 1), max(values)
    body, y = _legend(title, series), TOP + 10
    for name, group in groups.items():
        middle = y + BAR * len(group) / 2 + 4
        body.append(_text(LEFT - 8, middle, name, "end"))
        for number, value in enumerate(group.values()):
            share = log10(max(value, low) / low) / max(log10(high / low), 0.1)
            width = max(2.0, share * (WIDTH - LEFT - 110))
            body.append(
                f'<rect x="{LEFT}" y="{y}" width="{width:.0f}" height="{BAR - 3}" '
                f'fill="{COLOURS[series.index(list(group)[number])]}"/>'
            )
            body.append(_text(LEFT + width + 6, y + BAR - 6, f"{value:,g} {unit}"))
            y += BAR
        y += GAP
    return _svg(y, [*body, _text(LEFT, y, "logarithmic scale", colour="#777")], extra=14)


def curves(title: str, unit: str, series: Mapping[str, Sequence[float]]) -> str:
    """Draw curves of the share that is done, from 0 to 100 %, over time."""
    last = max(max(values) for values in series.values()) or 1.0
    bottom, width = TOP + HEIGHT, WIDTH - 100
    body = _legend(title, list(series))
    for share in (0, 25, 50, 75, 100):
        y = bottom - HEIGHT * share / 100
        body.append(f'<line x1="60" y1="{y}" x2="{60 + width}" y2="{y}" stroke="#ddd"/>')
        body.append(_text(54, y + 4, f"{share} %", "end"))
    step = _round_step(last / 5)
    for number in range(int(last / step) + 1):
        x = 60 + width * number * step / last
        body.append(_text(x, bottom + 18, f"{number * step:g} {unit}", "middle"))
    for colour, values in zip(COLOURS, series.values(), strict=False):
        points = " ".join(
            f"{60 + width * value / last:.0f},{bottom - HEIGHT * number / (len(values) - 1):.0f}"
            for number, value in enumerate(values)
        )
        body.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
    return _svg(bottom, body, extra=30)


def _legend(title: str, series: Sequence[str]) -> list[str]:
    marks, x = [_text(10, 18, title, size=14)], 10
    for colour, name in zip(COLOURS, series, strict=False):
        marks.append(f'<rect x="{x}" y="27" width="10" height="10" fill="{colour}"/>')
        marks.append(_text(x + 15, 36, name))
        x += 34 + 7 * len(name)
    return marks


def _text(
    x: float, y: float, text: str, anchor: str = "start", *, size: int = 12, colour: str = "#222"
) -> str:
    return (
        f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}" text-anchor="{anchor}" '
        f'fill="{colour}">{escape(text)}</text>'
    )


def _svg(bottom: float, body: Sequence[str], *, extra: int) -> str:
    height = ceil(bottom + extra)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'font-family="sans-serif">\n<rect width="100%" height="100%" fill="white"/>\n'
        + "\n".join(body)
        + "\n</svg>\n"
    )


def _round_step(at_least: float) -> float:
    """Return the next of 1, 2, 5, 10, 20, 50 ..."""
    power: float = 10 ** int(log10(at_least) // 1)
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= at_least)
