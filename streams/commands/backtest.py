"""`journeys backtest`: what a definition's alerts and probabilities would have been worth, as tables and as JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from schemas.definition.errors import DefinitionErrors
from schemas.definition.model import Definition
from schemas.definition.parse import parse
from streams.backtest.alerts import replayed
from streams.backtest.fitting import Fitted
from streams.backtest.history import read
from streams.backtest.leakage import Leak
from streams.backtest.report import Backtest, Subject, backtest, judged
from streams.backtest.rewriting import CannotWrite, with_fitted, with_param

SWEPT = (0.5, 0.75, 1.0, 1.25, 1.5)
"""What a param is multiplied by where no values are given."""

Say = Callable[[str], None]


class Refused(ValueError):
    """The backtest cannot be done, or cannot be believed; the message says why."""


def subject_of(definition: Definition, lines: Sequence[bytes], source: str) -> Subject:
    """The definition with its history read and a way to replay it."""
    return Subject(
        definition, read(definition, lines, source), lambda until: replayed(definition, lines, source, until)
    )


def run(
    definition: Definition, lines: Sequence[bytes], source: str, console: Console, json: Path | None = None,
    sweep: str | None = None, out: Path | None = None,
) -> None:  # fmt: skip
    """Print the report; write it as JSON to `json`, and the definition with fitted coefficients to `out`. Raises Refused."""
    subject = subject_of(definition, lines, source)
    if not subject.history.users:
        raise Refused(
            "no event of the input is an activity of the definition's users; see `journeys validate --against`"
        )
    found = backtest(subject)
    told = found.told
    if sweep is not None:
        told["sweep"] = swept(definition, lines, source, subject, sweep)
    show(told, console)
    if json is not None:
        json.write_bytes(orjson.dumps(told, option=orjson.OPT_INDENT_2))
        console.print(f"wrote {json}", highlight=False)
    if found.leaks:
        raise Refused(_leaking(found.leaks))
    if out is not None:
        write_fitted(definition, found, out)
        console.print(f"wrote {out}: version {definition.version + 1}, {_fitted_text(found.found)}", highlight=False)


def write_fitted(definition: Definition, found: Backtest, out: Path) -> None:
    """A copy of the definition with the coefficients of this history."""
    if not found.found:
        raise Refused("too little history to fit anything; the report above says what is missing")
    try:
        text = with_fitted(definition, found.found)
        parse(text, str(out))
    except (CannotWrite, DefinitionErrors) as problem:
        raise Refused(str(problem)) from None
    out.write_text(text, encoding="utf-8")


def swept(
    definition: Definition, lines: Sequence[bytes], source: str, subject: Subject, sweep: str
) -> list[dict[str, Any]]:
    """Volume and worth for several values of a param: `name=1,2,3`, or `name` for half to one and a half of it."""
    name, _, given = sweep.partition("=")
    found = []
    for value in _values(definition, name.strip(), given):
        try:
            other = parse(with_param(definition.text, name.strip(), value), f"{name}={value}")
        except (CannotWrite, DefinitionErrors) as problem:
            raise Refused(str(problem)) from None
        tried = Subject(other, subject.history, subject.run)
        found.append({"param": name.strip(), "value": value, **judged(tried, replayed(other, lines, source))})
    return found


def _values(definition: Definition, name: str, given: str) -> list[str]:
    if given:
        return [value.strip() for value in given.split(",") if value.strip()]
    if name not in definition.params:
        raise Refused(f"the definition has no param {name!r}; it has {', '.join(definition.params) or 'none'}")
    now = definition.params[name]
    seconds = now >= 1_000 and now % 1_000 == 0
    return [f"{round(now * times / 1_000)}s" if seconds else f"{now * times:.6g}" for times in SWEPT]


def _leaking(leaks: Sequence[Leak]) -> str:
    one = leaks[0]
    return (
        f"the report cannot be believed: {len(leaks)} of the scores and alerts looked ahead, the first of {one.what} for "
        f"{one.entity}: {one.said}, but {one.known} on what was known then"
    )


def _fitted_text(found: Sequence[Fitted]) -> str:
    return ", ".join(
        f"{one.kind} coefficients from {one.said['rows']:,} rows until {one.said['date']}" for one in found
    )


# --- tables ----------------------------------------------------------------------------------------------------------


def show(told: dict[str, Any], console: Console) -> None:
    """The report as tables: how much, how good, how well it knows."""
    console.print(
        f"{told['definition']} version {told['version']} on {told['from']} to {told['to']} (second half from {told['half']})",
        highlight=False,
    )
    _show_volume(told["volume"], console)
    _show_worth("Alerts", told["alerts"], console)
    _show_stage(told["alerts"], console)
    for kind, months in told["months"].items():
        _show_months(kind, months, console)
    for row in told.get("sweep", ()):
        _show_worth(f"{row['param']} = {row['value']}", row["alerts"], console)
    wrong = [row for found in told["growth"].values() for row in found if not row["conserved"]]
    console.print(
        f"growth adds up in {sum(map(len, told['growth'].values())) - len(wrong)} months of users and accounts"
        + (f", and not in {len(wrong)}" if wrong else ""), highlight=False,
    )  # fmt: skip


def _show_volume(volumes: dict[str, Any], console: Console) -> None:
    heads = ("", "alerts", "per 100", "p95 an owner", "resolved in 7d")
    table = _table("Volume (alerts a week for 100 entities, and for one owner in 95 of 100 weeks)", heads)
    for kind, found in volumes.items():
        for name, v in found["rules"].items():
            table.add_row(
                f"{kind} {name}", f"{v['alerts']:,}", _n(v["weekly_per_100"], 2), str(v["p95_per_owner"]),
                _share(v["resolved_in_week"]),
            )  # fmt: skip
    console.print(table)


def _show_worth(title: str, worths: dict[str, Any], console: Console) -> None:
    heads = ("", "judged", "right", "lift", "recall", "lead", "flaps", "false")
    table = _table(f"{title} (lead in days; flaps and false alerts an entity and year)", heads)
    for kind, found in worths.items():
        for name, parts in found["rules"].items():
            for part, w in parts.items():
                label = f"{kind} {name}" if part == "all" else "  second half"
                table.add_row(
                    label, f"{w['alerts']:,}", _share(w["precision"]), _n(w["lift"], 2), _share(w["recall"]),
                    _n(w["lead_days"], 1), _n(w["flaps"], 2), _n(w["false_alerts"], 2),
                )  # fmt: skip
    console.print(table)


def _show_stage(worths: dict[str, Any], console: Console) -> None:
    """Where churn is more than silence: an ended contract."""
    table = _table("Alerts before the stage `churn`", ("", "followed by it", "times", "foretold", "lead"))
    for kind, found in worths.items():
        for name, e in found.get("stage", {}).items():
            table.add_row(
                f"{kind} {name}", _share(e["precision"]), f"{e['left']:,}", _share(e["recall"]), _n(e["lead_days"], 1)
            )
    if table.row_count:
        console.print(table)


def _show_months(kind: str, months: dict[str, Any], console: Console) -> None:
    if "methods" not in months:
        console.print(f"{kind}, month by month: {months['why']}", highlight=False)
        return
    title = (
        f"{kind}, month by month: {months['rows']:,} rows, {months['entities']:,} entities, {months['cutoffs']} months, "
        f"{months['base_rate']:.3f} churned"
    )
    heads = ("", "AUC", "AP", "top 10 %", "lift", "Brier", "slope")
    table = _table(title, heads)
    for name, q in months["methods"].items():
        if q is not None:
            table.add_row(
                name, _n(q["auc"], 3), _n(q["average_precision"], 3), _n(q["precision_top"], 3), _n(q["lift"], 2),
                _n(q["brier"], 3), _n(q["slope"], 2),
            )  # fmt: skip
    console.print(table)
    _show_calibration(kind, months, console)


def _show_calibration(kind: str, months: dict[str, Any], console: Console) -> None:
    """Probabilities beside outcomes, for tenths of the rows: of the definition, or of the refit where it has none."""
    name = next((n for n in ("definition", "refitted") if months["methods"].get(n)), None)
    if name is None:
        return
    rows = months["methods"][name]["table"]
    table = _table(f"{kind}, calibration of {name}, by tenths", ("", *[str(n + 1) for n in range(len(rows))]))
    table.add_row("said", *[_n(p, 2) for p, _, _ in rows])
    table.add_row("happened", *[_n(share, 2) for _, share, _ in rows])
    console.print(table)


def _table(title: str, heads: Sequence[str]) -> Table:
    table = Table(title=f"\n{title}", title_justify="left", box=None, min_width=len(title))
    for n, head in enumerate(heads):
        table.add_column(head, justify="right" if n else "left", no_wrap=True)
    return table


def _n(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"
