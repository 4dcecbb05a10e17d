-- Revenue: what each account pays, and how that moved. From the events of the canonical vocabulary that name `mrr`, in the
-- minor unit of the `currency` beside it; a ledger an account and currency, and currencies are never summed together.

-- Each change of what an account pays: new, expansion, contraction, churn, reactivation; `amount` is never negative.
-- An event without a currency is in the account's last one. Whoever changes currency leaves one ledger for the other.
CREATE OR REPLACE VIEW revenue_movements AS
WITH
    said AS (
        SELECT
            assumeNotNull(v.account) AS account, v.at AS at, v.event_id AS event_id,
            if(v.name = 'Subscription Ended', 0., JSONExtract(v.properties, 'mrr', 'Nullable(Float64)')) AS mrr,
            nullIf(JSONExtractString(v.properties, 'currency'), '') AS own
        FROM events AS v FINAL
        WHERE isNotNull(v.account) AND v.name IN (
            'Subscription Created', 'Subscription Updated', 'Subscription Upgraded', 'Subscription Downgraded',
            'Subscription Renewed', 'Subscription Reactivated', 'Subscription Ended'
        )
    ),
    priced AS (
        SELECT
            s.account AS account, s.at AS at, s.event_id AS event_id, greatest(assumeNotNull(s.mrr), 0.) AS mrr,
            ifNull(anyLast(s.own) OVER (
                PARTITION BY s.account ORDER BY s.at, s.event_id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
            ), '') AS currency
        FROM said AS s
        WHERE isNotNull(s.mrr)
    ),
    followed AS (
        SELECT *, lagInFrame(currency, 1, currency) OVER (
            PARTITION BY account ORDER BY at, event_id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS was
        FROM priced
    ),
    levels AS (
        SELECT account, currency, at, event_id, mrr FROM followed
        UNION ALL
        SELECT f.account, f.was AS currency, f.at, f.event_id, 0. AS mrr FROM followed AS f WHERE f.was != f.currency
    ),
    steps AS (
        SELECT
            *,
            lagInFrame(mrr, 1, 0.) OVER (
                PARTITION BY account, currency ORDER BY at, event_id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
            ) AS before,
            max(mrr) OVER (
                PARTITION BY account, currency ORDER BY at, event_id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
            ) AS highest
        FROM levels
    ),
    ranked AS (
        SELECT *, lagInFrame(highest, 1, 0.) OVER (
            PARTITION BY account, currency ORDER BY at, event_id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS highest_before
        FROM steps
    )
SELECT
    account, currency, at,
    multiIf(
        before = 0 AND highest_before = 0, 'new', before = 0, 'reactivation', mrr = 0, 'churn',
        mrr > before, 'expansion', 'contraction'
    ) AS movement,
    abs(mrr - before) AS amount, before, mrr AS after, event_id
FROM ranked
WHERE mrr != before;

-- By currency and month (UTC), without holes: start + new + expansion + reactivation - contraction - churn = end. Start
-- and end are counted over what every account pays at that midnight, not from the movements; `off` is what does not add
-- up, and is 0.
CREATE OR REPLACE VIEW revenue_monthly AS
WITH
    months AS (
        SELECT currency, arrayJoin(arrayMap(
            n -> addMonths(first, n), range(toUInt32(dateDiff('month', first, last)) + 1)
        )) AS month
        FROM (
            SELECT currency, toStartOfMonth(min(at)) AS first, (SELECT toStartOfMonth(max(at)) FROM revenue_movements) AS last
            FROM revenue_movements
            GROUP BY currency
        )
    ),
    levels AS (
        SELECT currency, month, sum(level) AS total, countIf(level > 0) AS paying
        FROM (
            SELECT m.currency AS currency, m.month AS month, v.account AS account, argMax(v.after, (v.at, v.event_id)) AS level
            FROM months AS m
            INNER JOIN revenue_movements AS v ON v.currency = m.currency
            WHERE toStartOfMonth(v.at) <= m.month
            GROUP BY currency, month, account
        )
        GROUP BY currency, month
    ),
    moved AS (
        SELECT
            currency, toStartOfMonth(at) AS month,
            sumIf(amount, movement = 'new') AS new, sumIf(amount, movement = 'expansion') AS expansion,
            sumIf(amount, movement = 'reactivation') AS reactivation,
            sumIf(amount, movement = 'contraction') AS contraction, sumIf(amount, movement = 'churn') AS churn
        FROM revenue_movements
        GROUP BY currency, month
    ),
    together AS (
        SELECT
            l.currency AS currency, l.month AS month,
            lagInFrame(l.total, 1, 0.) OVER (
                PARTITION BY l.currency ORDER BY l.month ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
            ) AS start,
            v.new AS new, v.expansion AS expansion, v.reactivation AS reactivation, v.contraction AS contraction,
            v.churn AS churn, l.total AS end, l.paying AS accounts
        FROM levels AS l
        LEFT JOIN moved AS v ON v.currency = l.currency AND v.month = l.month
    )
SELECT *, start + new + expansion + reactivation - contraction - churn - end AS off
FROM together
SETTINGS join_use_nulls = 0;
