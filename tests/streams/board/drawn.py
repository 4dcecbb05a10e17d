"""Charts read back: what a line, a sparkline or a bar on a page says, as numbers."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page


def lines_drawn(page: Page, region: str) -> dict[str, list[tuple[float, float]]]:
    """{line: [(step as a share of the width, 0 to 100, value)]}, by the axis that is written beside the chart."""
    top = float(page.locator(f"{region} .ys text").first.text_content().rstrip(" %").replace(",", ""))  # type: ignore[union-attr]
    found = page.locator(f"{region} .plot path").evaluate_all(
        "all => all.map(one => [one.querySelector('title').textContent, one.getAttribute('d')])"
    )
    return {
        name: [(float(x), top * (100 - float(y)) / 100) for x, y in re.findall(r"([\d.]+) ([\d.]+)", path)]
        for name, path in found
    }


def values_drawn(page: Page, region: str, line: str) -> list[float]:
    return [value for _, value in lines_drawn(page, region)[line]]


def nearly(values: list[float], top: float) -> Any:
    """Values as they can be read from a chart that ends at `top`."""
    return pytest.approx(values, abs=top / 5_000)


def sparks(page: Page, region: str = "#list") -> list[tuple[str, list[float], str] | None]:
    """Each row's sparkline: (what it says it is, its values as shares of its height, its class); None for a dash."""
    found = page.locator(f"{region} tbody tr").evaluate_all(
        """rows => rows.map(row => { const svg = row.querySelector('svg.spark'); return svg && [
            svg.getAttribute('aria-label'), svg.querySelector('polyline').getAttribute('points'),
            svg.getAttribute('class')]; })"""
    )
    return [one and (one[0], [_height(point) for point in one[1].split()], one[2].split()[-1]) for one in found]


def _height(point: str) -> float:
    return 1 - (float(point.split(",")[1]) - 2) / 24
