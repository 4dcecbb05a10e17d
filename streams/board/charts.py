"""Charts as SVG that the page's own stylesheet colours: no script, sharp at any size, light and dark alike.

Each is a picture with a sentence for those who do not see it; the numbers stand in a table beside or below it. Labels of
axes are HTML around the picture, so they keep their size on a phone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from itertools import groupby
from typing import NamedTuple

from markupsafe import Markup, escape

WORSE = 0.1
"""Of the whole range: what a line of a few pixels shows as a turn for the worse, and no day's trembling."""


class Line(NamedTuple):
    """A named line. None is a gap. `kind` is the class that colours it."""

    name: str
    values: Sequence[float | None]
    kind: str = "a"


class Flow(NamedTuple):
    """So many went from here to there; names are shown as they are."""

    left: str
    right: str
    amount: int


def spark(
    values: Sequence[float], label: str, low: float = 0.0, high: float = 100.0, rising_is_worse: bool = False
) -> Markup:
    """A line of a few pixels, for a table; marked where it ends clearly worse than it began."""
    if len(values) < 2:
        return Markup('<span class="quiet">–</span>')
    points = _points(values, low, high, 100, 28, 2)
    change = values[-1] - values[0] if rising_is_worse else values[0] - values[-1]
    trend = "worse" if change > WORSE * (high - low) else "held"
    return Markup(
        '<svg class="spark {}" viewBox="0 0 100 28" role="img" aria-label="{}" preserveAspectRatio="none">'
        '<polyline points="{}"/></svg>'
    ).format(trend, label, points)


def lines(
    series: Sequence[Line], labels: Sequence[str], label: str, high: float | None = None, unit: str = ""
) -> Markup:
    """Lines over the same steps. `labels`: the text of each step; a few of them are shown."""
    known = [value for line in series for value in line.values if value is not None]
    top = high if high is not None else nice(max(known, default=1.0))
    drawn = Markup("").join(_line(line, top) for line in series)
    picture = Markup(
        '<svg viewBox="0 0 100 100" preserveAspectRatio="none" role="img" aria-label="{}">{}{}</svg>'
    ).format(label, _grid(), drawn)
    return _framed(picture, top, _few(labels), unit)


def _line(line: Line, top: float) -> Markup:
    step = 100 / max(len(line.values) - 1, 1)
    placed = [(n * step, value) for n, value in enumerate(line.values)]
    pieces = [list(group) for known, group in groupby(placed, lambda at: at[1] is not None) if known]
    paths = "".join(
        "M" + "L".join(f"{x:.2f} {100 - 100 * min(value or 0.0, top) / top:.2f}" for x, value in piece)
        for piece in pieces
    )
    return Markup('<path class="line {}" d="{}"><title>{}</title></path>').format(line.kind, paths, line.name)


def columns(
    stacks: Sequence[Sequence[tuple[str, float]]], labels: Sequence[str], label: str, every: bool = False
) -> Markup:
    """Columns of stacked parts, (class, amount) each; negative amounts hang below the line."""
    top = nice(max((sum(v for _, v in stack if v > 0) for stack in stacks), default=1.0))
    deepest = max((-sum(v for _, v in stack if v < 0) for stack in stacks), default=0.0)
    bottom = nice(deepest) if deepest else 0.0
    scale, width = 100 / (top + bottom), 100 / max(len(stacks), 1)
    drawn = Markup("").join(
        _stack(stack, n * width + width * 0.14, width * 0.72, top * scale, scale, labels[n])
        for n, stack in enumerate(stacks)
    )
    zero = Markup('<line class="zero" x1="0" x2="100" y1="{0:.2f}" y2="{0:.2f}"/>').format(top * scale)
    picture = Markup(
        '<svg viewBox="0 0 100 100" preserveAspectRatio="none" role="img" aria-label="{}">{}{}</svg>'
    ).format(label, drawn, zero)
    return _framed(picture, top, list(labels) if every else _few(labels), "", bottom)


def _stack(stack: Sequence[tuple[str, float]], x: float, width: float, zero: float, scale: float, label: str) -> Markup:
    parts, up, down = [], zero, zero
    for kind, amount in stack:
        height = abs(amount) * scale
        y = up - height if amount > 0 else down
        up, down = (up - height, down) if amount > 0 else (up, down + height)
        parts.append(
            Markup(
                '<rect class="bar {}" x="{:.2f}" y="{:.2f}" width="{:.2f}" height="{:.2f}"><title>{}</title></rect>'
            ).format(kind, x, y, width, height, f"{label}: {kind} {abs(amount):,.0f}")
        )
    return Markup("").join(parts)


def growth(rows: Sequence[Mapping[str, int]]) -> list[list[tuple[str, float]]]:
    """Months as stacks: who is new and who came back above the line, who went below it."""
    return [[("good", row["new"]), ("back", row["returned"]), ("bad", -row["lost"])] for row in rows]


def numbers(n: int) -> list[str]:
    """`0` to `n - 1`, as labels."""
    return [str(one) for one in range(n)]


def _framed(picture: Markup, top: float, labels: Sequence[str], unit: str, bottom: float = 0.0) -> Markup:
    steps = [top, top / 2, 0.0] if not bottom else [top, 0.0, -bottom]
    marks = Markup("").join(
        Markup('<text x="100%" y="{:.2f}%" text-anchor="end" dominant-baseline="central">{}</text>').format(
            100 * (top - step) / (top + bottom), f"{step:,.6g}{unit}"
        )
        for step in steps
        if not (bottom and step < 0 and bottom < 0.08 * (top + bottom))  # it would be written over the nought
    )
    below = Markup("").join(Markup("<span>{}</span>").format(text) for text in labels)
    return Markup(
        '<div class="chart"><svg class="ys" aria-hidden="true">{}</svg><div class="plot">{}</div>'
        '<div class="xs" aria-hidden="true">{}</div></div>'
    ).format(marks, picture, below)


def _grid() -> Markup:
    return Markup("").join(
        Markup('<line class="grid" x1="0" x2="100" y1="{0}" y2="{0}"/>').format(y) for y in (0, 50, 100)
    )


def _few(labels: Sequence[str], most: int = 6) -> list[str]:
    """At most so many of them, the first and the last among them."""
    if len(labels) <= most:
        return list(labels)
    step = (len(labels) - 1) / (most - 1)
    return [labels[round(n * step)] for n in range(most)]


def nice(value: float) -> float:
    """The next larger of a few round numbers times a power of ten: an axis that can be read, and little empty above."""
    if value <= 0:
        return 1.0
    power = 10.0 ** (len(str(int(value))) - 1) if value >= 1 else 1.0
    return next(step * power for step in (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if step * power >= value)


def _points(values: Sequence[float], low: float, high: float, width: float, height: float, pad: float) -> str:
    span = (high - low) or 1.0
    step = width / (len(values) - 1)
    return " ".join(
        f"{n * step:.1f},{pad + (height - 2 * pad) * (1 - (min(max(v, low), high) - low) / span):.1f}"
        for n, v in enumerate(values)
    )


WIDTH, TALLEST, GAP, NODE = 640, 340, 10, 10
THICKEST = 16.0
"""Pixels an entity at most: three who moved are no flood."""

LEAST = 8.0
"""Pixels that a node has room for, so that the names of two small ones do not overlap."""


def sankey(flows: Sequence[Flow], order: Sequence[str], label: str) -> Markup:
    """Who went from where to where: states left on the left, states entered on the right, in the definition's order."""
    flows = sorted((f for f in flows if f.amount > 0), key=lambda f: (_rank(order, f.left), _rank(order, f.right)))
    if not flows:
        return Markup('<p class="empty">Nobody moved in this time.</p>')
    sides = [_totals(flows, side, order) for side in ("left", "right")]
    scale = min(THICKEST, *((TALLEST - GAP * (len(side) - 1)) / sum(side.values()) for side in sides))
    height = 8 + max(_tall(side, scale) for side in sides)
    lefts, rights = (_placed(side, scale, height) for side in sides)
    at_left, at_right = dict(lefts), dict(rights)
    drawn = []
    for flow in flows:
        thick = flow.amount * scale
        drawn.append(_ribbon(flow, at_left[flow.left], at_right[flow.right], thick))
        at_left[flow.left] += thick
        at_right[flow.right] += thick
    nodes = [_node(name, y, sides[0][name] * scale, 150, "end") for name, y in lefts.items()]
    nodes += [_node(name, y, sides[1][name] * scale, WIDTH - 150 - NODE, "start") for name, y in rights.items()]
    return Markup('<svg class="sankey" viewBox="0 0 {} {}" role="img" aria-label="{}">{}{}</svg>').format(
        WIDTH, round(height), label, Markup("").join(drawn), Markup("").join(nodes)
    )


def _rank(order: Sequence[str], name: str) -> int:
    return order.index(name) if name in order else len(order)


def _totals(flows: Sequence[Flow], side: str, order: Sequence[str]) -> dict[str, int]:
    """{name: how many left it or entered it}, in order."""
    totals: dict[str, int] = {}
    for flow in sorted(flows, key=lambda f: _rank(order, getattr(f, side))):
        totals[getattr(flow, side)] = totals.get(getattr(flow, side), 0) + flow.amount
    return totals


def _tall(side: Mapping[str, int], scale: float) -> float:
    return sum(max(amount * scale, LEAST) for amount in side.values()) + GAP * (len(side) - 1)


def _placed(side: Mapping[str, int], scale: float, height: float) -> dict[str, float]:
    """{name: top} of one side's nodes, below each other, in the middle of the picture."""
    placed, y = {}, (height - _tall(side, scale)) / 2
    for name, amount in side.items():
        placed[name] = y
        y += max(amount * scale, LEAST) + GAP
    return placed


def _ribbon(flow: Flow, left: float, right: float, thick: float) -> Markup:
    x0, x1 = 150 + NODE, WIDTH - 150 - NODE
    middle = (x0 + x1) / 2
    path = (
        f"M{x0} {left:.1f}C{middle} {left:.1f} {middle} {right:.1f} {x1} {right:.1f}"
        f"L{x1} {right + thick:.1f}C{middle} {right + thick:.1f} {middle} {left + thick:.1f} {x0} {left + thick:.1f}Z"
    )
    told = f"{flow.left} → {flow.right}: {flow.amount:,}"
    return Markup('<path class="ribbon {}" d="{}"><title>{}</title></path>').format(tone(flow.right), path, told)


def _node(name: str, y: float, tall: float, x: float, anchor: str) -> Markup:
    text = x - 8 if anchor == "end" else x + NODE + 8
    return Markup(
        '<rect class="node {}" x="{}" y="{:.1f}" width="{}" height="{:.1f}" rx="2"/>'
        '<text x="{}" y="{:.1f}" text-anchor="{}" dominant-baseline="middle">{}</text>'
    ).format(tone(name), x, y, NODE, max(tall, 1.5), text, y + tall / 2, anchor, name)


def tone(state: str) -> str:
    """The class that colours a state: an ending, a beginning, or a step on the way."""
    return {"churn": "bad", "ended": "bad", "began": "quiet"}.get(state, "way")


def calendar(acts: Mapping[date, int], last: date, label: str, weeks: int = 53) -> Markup:
    """A square a day, a column a week, the stronger the more was done; today at the right.

    The strongest colour is for the busiest tenth of the days: one that was out of the ordinary leaves the others theirs.
    """
    first = last - timedelta(days=last.weekday() + 7 * (weeks - 1))
    most = sorted(acts.values())[round(0.9 * (len(acts) - 1))] if acts else 1
    squares = []
    for n in range((last - first).days + 1):
        day = first + timedelta(days=n)
        acted = acts.get(day, 0)
        heat = 0 if not acted else 1 + min(3, int(4 * (acted - 1) / most))
        squares.append(
            Markup('<rect class="h{}" x="{}" y="{}" width="11" height="11" rx="2"><title>{}</title></rect>').format(
                heat,
                13 * (n // 7),
                16 + 13 * (n % 7),
                f"{day:%a %d %b %Y}: {acted or 'no'} {'act' if acted == 1 else 'acts'}",
            )
        )
    months = [
        Markup('<text x="{}" y="10">{}</text>').format(13 * n, f"{monday:%b}")
        for n in range(weeks)
        if (monday := first + timedelta(days=7 * n)).day <= 7
    ]
    return Markup('<svg class="calendar" viewBox="0 0 {} 108" width="{}" role="img" aria-label="{}">{}{}</svg>').format(
        13 * weeks, 13 * weeks, label, Markup("").join(months), Markup("").join(squares)
    )


def bar(part: float, whole: float, kind: str = "way") -> Markup:
    """A bar in a table's cell, as wide as its share."""
    wide = 0.0 if whole <= 0 else min(100.0, 100 * part / whole)
    return Markup(
        '<svg class="inbar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true" focusable="false">'
        '<rect class="back" width="100" height="10"/><rect class="{}" width="{:.1f}" height="10"/></svg>'
    ).format(escape(kind), wide)
