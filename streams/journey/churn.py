"""The churn probability: a few decayed counts of active days, from which the chance of a long silence is read.

Theory of operation. An active day adds 1 to every counter, and a counter fades by exp(-days / decay); that is all the
state there is, whatever the history, and two histories merge by adding. While nothing happens every counter fades, no
weight is above 0, so the probability only rises: the day on which it gets anywhere is found once and becomes a timer.

What O(1) costs: which days were counted is known for the 62 before the newest. An event that comes later than that
counts its day, unless the one before it that came so late was of the same day: a history loaded in order counts right,
days that were known long ago and come again in pieces count again.
"""

from __future__ import annotations

from math import ceil, exp, log
from typing import Any, Final

from schemas.definition.model import Churn
from streams.journey.gauge import Gauge

KNOWN: Final = 62
"""Days whose being counted is known, one bit each: as many as a JSON integer holds."""

_MASK: Final = (1 << KNOWN) - 1

FLOOR: Final = 0.1
"""Added before the logarithm, so that nobody is infinitely gone; a tenth of one active day."""

DIGITS: Final = 4
"""Of the probability. No calibration is as good as a ten-thousandth, and a value that no longer changes wakes nobody."""

MOST_DAYS: Final = 60
"""Active days in a row that are worth asking for."""

_FAR: Final = 10_000.0
"""Days that one step goes at most, where the slope is next to nothing."""

_EDGE: Final = 1e-9
"""No probability is nearer to 0 or 1 than this when its score is asked for."""


class ChurnProbability(Gauge):
    """Cell: [newest active day, bits (k set: k days before it was active), the day last counted of those before these,
    active days (no more than matter), counters...].
    """

    def __init__(self, churn: Churn) -> None:
        self.intercept = churn.intercept
        self._after = churn.after
        self._terms = [(n, decay, weight) for n, (decay, weight) in enumerate(churn.terms, 4)]
        ends = churn.intercept
        for _, _, weight in self._terms:  # added up as `_read` does, so that nothing counted gives the same
            ends += weight * log(FLOOR)
        self._limit = round(logistic(ends), DIGITS)  # no silence gets it higher

    def hit(self, cell: Any, day: int, at: int, value: Any) -> Any:
        if cell is None:
            return [day, 1, None, 1, *[1.0] * len(self._terms)]
        ahead = day - cell[0]
        if -KNOWN < ahead <= 0 and cell[1] >> -ahead & 1:
            return cell
        cell = list(cell)
        if ahead > 0:
            cell[0], cell[1] = day, ((cell[1] << ahead) | 1) & _MASK if ahead < KNOWN else 1
            if cell[3] < self._after:
                cell[3] += 1
            for n, decay, _ in self._terms:
                cell[n] = cell[n] * exp(-ahead / decay) + 1.0
        elif ahead > -KNOWN:
            cell[1] |= 1 << -ahead
            self._add(cell, ahead, 1)
        elif cell[2] != day:
            cell[2] = day
            self._add(cell, ahead, 1)
        return cell

    def _add(self, cell: Any, ahead: int, days: int) -> None:
        cell[3] = min(cell[3] + days, self._after)
        for n, decay, _ in self._terms:
            cell[n] += days * exp(ahead / decay)

    def merge(self, a: Any, b: Any) -> Any:
        """Both histories as one: exact where they share no active day but the last 62."""
        if a is None or b is None:
            one = a if b is None else b
            return None if one is None else list(one)
        old, new = (a, b) if a[0] <= b[0] else (b, a)
        ahead = new[0] - old[0]
        bits = (old[1] << ahead) & _MASK if ahead < KNOWN else 0
        late = [day for day in (old[2], new[2]) if day is not None]
        both = new[1] & bits
        days = min(new[3] + old[3] - both.bit_count(), self._after)
        merged = [new[0], new[1] | bits, max(late, default=None), max(new[3], old[3], days)]
        twice = [k for k in range(both.bit_length()) if both >> k & 1]
        for n, decay, _ in self._terms:
            known = sum(exp(-k / decay) for k in twice)
            merged.append(new[n] + old[n] * exp(-ahead / decay) - known)
        return merged

    def counts(self, cell: Any, today: int) -> list[float]:
        """What each counter holds at the end of a day: an active day lies, on average, in the middle of its day."""
        ago = max(0, today - cell[0]) + 0.5
        return [cell[n] * exp(-ago / decay) for n, decay, _ in self._terms]

    def value(self, cell: Any, today: int) -> float | None:
        """The probability; unknown before the first active days."""
        if cell is None or cell[3] < self._after:
            return None
        return self._read(cell, today)[0]

    def _read(self, cell: Any, today: int) -> tuple[float, float, float]:
        """(probability, the score it is made of, how much the score rises in a day if nothing happens)."""
        ago, score, slope = max(0, today - cell[0]) + 0.5, self.intercept, 0.0
        for n, decay, weight in self._terms:
            count = cell[n] * exp(-ago / decay)
            score += weight * log(count + FLOOR)
            slope -= weight / decay * count / (count + FLOOR)
        return round(logistic(score), DIGITS), score, slope

    def changes(self, cell: Any, today: int) -> int | None:
        now = self.value(cell, today)
        return None if now is None else self.reaches(cell, today, now, True)

    def reaches(self, cell: Any, today: int, threshold: float, beyond: bool) -> int | None:
        """The first day from today on with a probability >= threshold (> threshold where `beyond`), if nothing happens.

        The score rises ever more slowly, so a step along its slope never goes too far: Newton's method from below.
        """
        if cell is None or cell[3] < self._after:
            return None
        there = float.__gt__ if beyond else float.__ge__
        wanted, day = float(threshold), today
        target = odds(wanted - 0.5 * 10**-DIGITS)
        probability, score, slope = self._read(cell, day)
        if not there(max(probability, self._limit), wanted):
            return None
        while not there(probability, wanted):
            day += max(1, ceil(min(_FAR, (target - score) / slope))) if slope > 0 else 1
            probability, score, slope = self._read(cell, day)
        return day

    def needs(self, cell: Any, today: int, threshold: float, or_equal: bool) -> int | None:
        """How many more active days, one after the other from today on, bring it below a threshold; None for none that do."""
        day = today + (cell is not None and cell[0] >= today)
        for n in range(1, MOST_DAYS + 1):
            cell = self.hit(cell, day, 0, 1)
            value = self.value(cell, day)
            if value is not None and (value < threshold or (or_equal and value == threshold)):
                return n
            day += 1
        return None


def logistic(score: float) -> float:
    """1 / (1 + exp(-score)) without overflow."""
    if score >= 0:
        return 1.0 / (1.0 + exp(-score))
    grown = exp(score)
    return grown / (1.0 + grown)


def odds(probability: float) -> float:
    """The score of a probability; of one that is none, the score of the nearest that is."""
    inside = min(1.0 - _EDGE, max(_EDGE, probability))
    return log(inside / (1.0 - inside))
