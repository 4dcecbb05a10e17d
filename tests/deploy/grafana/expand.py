"""What Grafana and its ClickHouse plugin make of a panel's SQL: variables and macros put in.

The macros are those of github.com/grafana/clickhouse-datasource, pkg/macros/macros.go.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence


def expand(sql: str, since: int, until: int, interval: int, variables: Mapping[str, str | Sequence[str]]) -> str:
    """`since`, `until`: epoch seconds of the time range; `interval`: seconds of a step. Raises KeyError for what there is not."""

    def variable(found: re.Match[str]) -> str:
        value = variables[found[1]]
        listed = [value] if isinstance(value, str) else value
        return ", ".join(f"'{one}'" for one in listed) if found[2] == "singlequote" else ",".join(listed)

    def macro(found: re.Match[str]) -> str:
        name, column = found[1], found[2]
        date = "toDate(toDateTime({}, 'UTC'))"
        return {
            "timeFilter": f"{column} >= toDateTime({since}) AND {column} <= toDateTime({until})",
            "dateFilter": f"{column} >= {date.format(since)} AND {column} <= {date.format(until)}",
            "timeInterval": f"toStartOfInterval(toDateTime({column}), INTERVAL {interval} second)",
        }[name]

    return re.sub(r"\$__(\w+)\((\w+)\)", macro, re.sub(r"\$\{(\w+)(?::(\w+))?\}", variable, sql))
