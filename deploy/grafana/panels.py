"""The panels: what each shows and the question behind it; `build.py` puts them into Grafana's form.

SQL may use the macros of Grafana's ClickHouse plugin ($__timeFilter, $__dateFilter, $__timeInterval) and the variables below.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Shape = Literal["timeseries", "barchart", "bargauge", "table", "stat"]


class Panel(NamedTuple):
    """`width` of 24 columns. A panel of SQL has one query; one of PromQL a line for each, as (query, legend)."""

    title: str
    shape: Shape
    sql: str = ""
    promql: tuple[tuple[str, str], ...] = ()
    unit: str = "short"
    width: int = 12
    about: str = ""


JOURNEYS = (
    Panel(
        "Accounts by stage",
        "bargauge",
        "SELECT state, entities FROM stage_stock WHERE kind = 'account' AND machine = 'stage' ORDER BY entities DESC",
        width=8,
    ),
    Panel(
        "Users by stage",
        "bargauge",
        "SELECT state, entities FROM stage_stock WHERE kind = 'user' AND machine = 'stage' ORDER BY entities DESC",
        width=8,
    ),
    Panel("Accounts at risk", "stat", "SELECT count() AS accounts FROM accounts_at_risk", width=4),
    Panel("Open alerts", "stat", "SELECT count() AS alerts FROM open_alerts", width=4),
    Panel(
        "Stock over time",
        "timeseries",
        """\
SELECT toDateTime(day) AS time, toString(state) AS state, entities FROM stage_stock_daily
WHERE kind = '${kind}' AND machine = 'stage' AND $__dateFilter(day) ORDER BY time, state""",
        about="At the end of each day, UTC",
    ),
    Panel(
        "Moves",
        "timeseries",
        """\
SELECT $__timeInterval(at) AS time, concat(ifNull(toString(from_state), 'new'), ' → ', ifNull(toString(to_state), 'gone')) AS move,
    count() AS moves
FROM valid_transitions WHERE kind = '${kind}' AND machine = 'stage' AND $__timeFilter(at) GROUP BY time, move ORDER BY time, move""",
    ),
    Panel(
        "Funnel",
        "table",
        """\
SELECT state, reached, round(100 * of_previous) AS percent, drop_off, lost, now
FROM stage_funnel WHERE kind = '${kind}' ORDER BY position""",
    ),
    Panel(
        "Days in a stage",
        "barchart",
        """\
SELECT state, round(p50_s / 86400, 1) AS median, round(p90_s / 86400, 1) AS ninth_tenth FROM stage_dwell
WHERE kind = '${kind}' AND machine = 'stage' ORDER BY median DESC""",
        about="Of visits that have ended",
    ),
    Panel(
        "At risk, the largest first",
        "table",
        """\
SELECT name, owner, stage, mrr / 100 AS mrr, renews_at, since, reason, clears_when, act_by FROM accounts_at_risk
WHERE ifNull(owner, '') IN (${owner:singlequote}) ORDER BY mrr DESC NULLS LAST""",
        width=24,
    ),
    Panel(
        "Alerts opened",
        "timeseries",
        """\
SELECT $__timeInterval(at) AS time, toString(severity) AS severity, count() AS alerts FROM alerts FINAL
WHERE status = 'opened' AND $__timeFilter(at) GROUP BY time, severity ORDER BY time, severity""",
    ),
    Panel(
        "Alerts by owner",
        "table",
        """\
SELECT owner, countIf(status = 'opened') AS open, count() AS alerts FROM alerts_now
WHERE kind = 'account' AND $__timeFilter(opened_at) GROUP BY owner ORDER BY open DESC, owner""",
    ),
    Panel(
        "Recurring revenue",
        "timeseries",
        """\
SELECT toDateTime(month) AS time, currency, end / 100 AS revenue FROM revenue_monthly WHERE $__dateFilter(month) ORDER BY time, currency""",
        about="Each currency on its own; at the month's end",
    ),
    Panel(
        "Revenue moves",
        "table",
        """\
SELECT month, currency, start / 100 AS start, new / 100 AS new, expansion / 100 AS expansion,
    reactivation / 100 AS back, contraction / 100 AS contraction, churn / 100 AS churn, end / 100 AS end
FROM revenue_monthly WHERE $__dateFilter(month) ORDER BY month DESC, currency""",
    ),
    Panel(
        "Health",
        "timeseries",
        """\
SELECT toDateTime(day) AS time, quantile(0.1)(health) AS tenth, quantile(0.5)(health) AS median, quantile(0.9)(health) AS ninth_tenth
FROM engagement_daily WHERE $__dateFilter(day) AND isNotNull(health) GROUP BY day ORDER BY time""",
        about="Of all accounts; 0 to 100",
    ),
    Panel(
        "Use by level",
        "table",
        """\
SELECT name, stage, risk, seats, members, activated, weekly, monthly, managers_28,
    executives, executives_30, champions_14, round(health) AS health
FROM engagement_by_level ORDER BY health ASC NULLS LAST LIMIT 200""",
    ),
    Panel(
        "One account",
        "table",
        """\
SELECT at, what, subject, change, reason FROM timeline
WHERE kind = 'account' AND entity = '${account}' ORDER BY at DESC, step DESC LIMIT 500""",
        width=24,
    ),
)

OPERATIONS = (
    Panel(
        "Records read",
        "timeseries",
        promql=(("sum by (outcome) (rate(journeys_records_total[$__rate_interval]))", "{{outcome}}"),),
        unit="ops",
    ),
    Panel(
        "Records published",
        "timeseries",
        promql=(("sum by (topic) (rate(journeys_outputs_total[$__rate_interval]))", "{{topic}}"),),
        unit="ops",
    ),
    Panel(
        "Behind, by commit",
        "timeseries",
        promql=(("sum by (topic) (journeys_committed_lag_records)", "{{topic}}"),),
        about="Growing: the workers do not keep up",
    ),
    Panel(
        "Event time behind the wall",
        "timeseries",
        promql=(("max by (task) (journeys_watermark_lag_seconds)", "{{task}}"),),
        unit="s",
        about="Large in a backfill, and where a source is silent",
    ),
    Panel(
        "Dead letters",
        "timeseries",
        promql=(("sum by (reason) (increase(journeys_dead_letters_total[$__rate_interval]))", "{{reason}}"),),
        about="Anything deserves a look",
    ),
    Panel(
        "Selections, a day",
        "table",
        promql=(("sum by (selection) (increase(journeys_selection_matches_total[24h]))", "{{selection}}"),),
        about="0 where there were many: an event was renamed",
    ),
    Panel(
        "Rules that fire",
        "timeseries",
        promql=(("topk(10, sum by (rule) (rate(journeys_rule_firings_total[1h])))", "{{rule}}"),),
        unit="ops",
    ),
    Panel("Alerts", "timeseries", promql=(("sum by (alert) (increase(journeys_alerts_total[1h]))", "{{alert}}"),)),
    Panel(
        "Kept",
        "timeseries",
        promql=(
            ("sum by (task) (journeys_entities)", "{{task}}"),
            ("sum by (task) (journeys_armed_timers)", "{{task}}, timers"),
        ),
    ),
    Panel(
        "Lanes",
        "timeseries",
        promql=(
            ("max by (task) (journeys_slice_records)", "{{task}}, slice"),
            ("sum by (task) (journeys_waiting_batches)", "{{task}}, waiting"),
            ("1000 * max by (task) (journeys_longest_slice_seconds)", "{{task}}, longest slice in ms"),
        ),
    ),
    Panel(
        "Ignored and sent on",
        "timeseries",
        promql=(
            ("sum by (reason) (rate(journeys_dropped_total[$__rate_interval]))", "ignored: {{reason}}"),
            ("sum by (reason) (rate(journeys_redirected_total[$__rate_interval]))", "sent on: {{reason}}"),
        ),
        unit="ops",
    ),
    Panel(
        "Timers and works",
        "timeseries",
        promql=(
            ("sum by (table) (rate(journeys_timers_fired_total[$__rate_interval]))", "{{table}}, timers"),
            ("sum (rate(journeys_works_total[$__rate_interval]))", "works"),
        ),
        unit="ops",
    ),
    Panel(
        "Changelog",
        "timeseries",
        promql=(("sum (rate(journeys_changelog_bytes_total[$__rate_interval]))", "appended"),),
        unit="Bps",
    ),
    Panel(
        "Noticed",
        "timeseries",
        promql=(
            ("sum by (what) (increase(journeys_noticed_total[$__rate_interval]))", "{{what}}"),
            ("sum by (topic) (increase(journeys_seeks_total[$__rate_interval]))", "read again: {{topic}}"),
        ),
    ),
    Panel(
        "Taking over",
        "timeseries",
        promql=(
            ("max (journeys_recovery_seconds)", "seconds"),
            ("max (journeys_recovery_records)", "records"),
            ("max (journeys_recovery_copied_records)", "records of copies"),
        ),
    ),
    Panel(
        "Rows stored",
        "timeseries",
        promql=(("sum by (table) (rate(journeys_sink_rows_total[$__rate_interval]))", "{{table}}"),),
        unit="ops",
    ),
    Panel(
        "ClickHouse",
        "timeseries",
        promql=(
            ("sum by (kind) (increase(journeys_sink_failures_total[$__rate_interval]))", "failed: {{kind}}"),
            ("sum (journeys_sink_waiting_rows)", "waiting rows"),
            ("max (journeys_sink_flush_seconds)", "flush, s"),
        ),
        about="Failures while no rows are stored: it is away",
    ),
    Panel(
        "Notifications",
        "timeseries",
        promql=(
            ("sum by (channel, outcome) (increase(journeys_notifications_total[1h]))", "{{channel}}, {{outcome}}"),
            ("sum (journeys_notifications_waiting)", "waiting"),
        ),
        about="given_up: somebody never heard of an alert",
    ),
)
