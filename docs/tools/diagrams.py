"""Pictures as SVG without a layout engine: boxes stand on a grid, arrows join them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

BOX_WIDTH, BOX_HEIGHT = 190, 44
CELL_WIDTH, CELL_HEIGHT = 330, 104
MARGIN = 24
LETTER_WIDTH = 6.6  # of the labels, about
BESIDE = 8  # how far two arrows between the same boxes stand from the line between them
HALFWAY, NEAR_ITS_START = 0.5, 0.3  # where the label of an arrow stands

_PAGE = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" role="img">
<title>{title}</title>
<style>
  text {{ font: 12px Helvetica, Arial, 'DejaVu Sans', sans-serif; }}
  text {{ fill: #1f2937; text-anchor: middle; }}
  .name {{ font-weight: 600; font-size: 13px; }}
  .box {{ fill: #eef2ff; stroke: #4f46e5; stroke-width: 1.5; }}
  .label {{ fill: #ffffff; }}
  .arrow {{ stroke: #6b7280; stroke-width: 1.5; fill: none; marker-end: url(#tip); }}
</style>
<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" \
orient="auto"><path d="M0 0 8 4 0 8z" fill="#6b7280"/></marker></defs>
<rect width="{width}" height="{height}" rx="8" fill="#ffffff"/>
{parts}
</svg>
"""

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Arrow:
    """From one box to another, with the lines that are written on it."""

    start: str
    end: str
    lines: Sequence[str] = ()


def picture(title: str, grid: Mapping[str, Point], arrows: Sequence[Arrow]) -> str:
    """Return the SVG; `grid` says in which column and row each box stands.

    Raises:
        KeyError: an arrow leads from or to a box without a place.
    """
    centres = {name: _centre(place) for name, place in grid.items()}
    ways = {(arrow.start, arrow.end) for arrow in arrows}
    both_ways = [(arrow.end, arrow.start) in ways for arrow in arrows]
    ends = [
        _beside(*_ends(centres[arrow.start], centres[arrow.end]), BESIDE if both else 0)
        for arrow, both in zip(arrows, both_ways, strict=True)
    ]
    parts = [
        *(_line(start, end) for start, end in ends),
        *(_box(name, centre) for name, centre in centres.items()),
        *(
            _label(arrow, *points, NEAR_ITS_START if both else HALFWAY)
            for arrow, points, both in zip(arrows, ends, both_ways, strict=True)
        ),
    ]
    width = max(x for x, _ in centres.values()) + BOX_WIDTH / 2 + MARGIN
    height = max(y for _, y in centres.values()) + BOX_HEIGHT / 2 + MARGIN
    return _PAGE.format(
        title=escape(title), width=round(width), height=round(height), parts="\n".join(parts)
    )


def _centre(place: Point) -> Point:
    column, row = place
    x = MARGIN + BOX_WIDTH / 2 + column * CELL_WIDTH
    return x, MARGIN + BOX_HEIGHT / 2 + row * CELL_HEIGHT


def _ends(start: Point, end: Point) -> tuple[Point, Point]:
    """Return where the straight line between two centres leaves the one box and meets the other."""
    across, down = end[0] - start[0], end[1] - start[1]
    ratios = (
        BOX_WIDTH / 2 / abs(across) if across else 1,
        BOX_HEIGHT / 2 / abs(down) if down else 1,
    )
    inside = min(ratios)  # the share of the way that lies inside a box
    step = across * inside, down * inside
    return (start[0] + step[0], start[1] + step[1]), (end[0] - step[0], end[1] - step[1])


def _beside(start: Point, end: Point, distance: float) -> tuple[Point, Point]:
    """Move an arrow to its left, so that the one in the other direction has room."""
    across, down = end[0] - start[0], end[1] - start[1]
    length = (across**2 + down**2) ** 0.5
    step = distance * down / length, -distance * across / length
    return (start[0] + step[0], start[1] + step[1]), (end[0] + step[0], end[1] + step[1])


def _line(start: Point, end: Point) -> str:
    return f'<path class="arrow" d="M{_at(start)} {_at(end)}"/>'


def _box(name: str, centre: Point) -> str:
    x, y = centre
    corner = f'x="{x - BOX_WIDTH / 2:.0f}" y="{y - BOX_HEIGHT / 2:.0f}"'
    size = f'width="{BOX_WIDTH}" height="{BOX_HEIGHT}"'
    words = name.split("\n")
    lines = [
        _text(x, y + 4.5 + 15 * (i - (len(words) - 1) / 2), w, "name") for i, w in enumerate(words)
    ]
    return f'<rect class="box" {corner} {size} rx="8"/>' + "".join(lines)


def _label(arrow: Arrow, start: Point, end: Point, share: float) -> str:
    x, y = (a + (b - a) * share for a, b in zip(start, end, strict=True))
    if not arrow.lines:
        return ""
    height, width = 15 * len(arrow.lines), LETTER_WIDTH * max(map(len, arrow.lines)) + 6
    ground = (
        f'<rect class="label" x="{x - width / 2:.0f}" y="{y - height / 2:.0f}" '
        f'width="{width:.0f}" height="{height}"/>'
    )
    lines = (_text(x, y - height / 2 + 12 + 15 * row, text) for row, text in enumerate(arrow.lines))
    return ground + "".join(lines)


def _text(x: float, y: float, text: str, kind: str = "") -> str:
    of_kind = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.0f}" y="{y:.0f}"{of_kind}>{escape(text)}</text>'


def _at(point: Point) -> str:
    return f"{point[0]:.0f} {point[1]:.0f}"
