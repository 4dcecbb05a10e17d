-- The views: stable names, no parameters, right without merges having run. docs/sql.md describes each.

-- What is true now: each id once, taken-back ones left out. Ids as 32 hex digits.
CREATE OR REPLACE VIEW valid_transitions AS
SELECT lower(hex(t.id)) AS id, * EXCEPT (id, valid)
FROM transitions AS t FINAL
WHERE valid;

-- Each transition as its effect on stock: -1 for the state left, +1 for the state entered.
CREATE OR REPLACE VIEW stage_moves AS
SELECT kind, entity, account, machine, at, move.1 AS state, move.2 AS change
FROM valid_transitions
ARRAY JOIN arrayFilter(
    m -> m.1 != '',
    [(ifNull(toString(from_state), ''), toInt8(-1)), (ifNull(toString(to_state), ''), toInt8(1))]
) AS move;

-- Who is where now, one row an entity and machine.
CREATE OR REPLACE VIEW entity_states AS
SELECT kind, entity, argMax(account, at) AS account, machine, state, maxIf(at, change > 0) AS since
FROM stage_moves
GROUP BY kind, entity, machine, state
HAVING sum(change) > 0;

-- Stock of each state now = entries - exits.
CREATE OR REPLACE VIEW stage_stock AS
SELECT
    kind, machine, state,
    countIf(change > 0) AS entries, countIf(change < 0) AS exits, toInt64(sum(change)) AS entities
FROM stage_moves
GROUP BY kind, machine, state;

-- Stock at the end of each day (UTC), from a state's first day to the last day of any transition, without holes.
CREATE OR REPLACE VIEW stage_stock_daily AS
WITH (SELECT toDate(max(at)) FROM stage_moves) AS last_day
SELECT
    kind, machine, state, day, entries, exits,
    sum(toInt64(entries) - toInt64(exits)) OVER (PARTITION BY kind, machine, state ORDER BY day) AS entities
FROM (
    SELECT kind, machine, state, day, sum(entered) AS entries, sum(left) AS exits
    FROM (
        SELECT kind, machine, state, toDate(at) AS day, toUInt64(change > 0) AS entered, toUInt64(change < 0) AS left
        FROM stage_moves
        UNION ALL
        SELECT
            kind, machine, state,
            arrayJoin(arrayMap(n -> first_day + n, range(toUInt32(last_day - first_day) + 1))) AS day,
            toUInt64(0) AS entered, toUInt64(0) AS left
        FROM (SELECT kind, machine, state, toDate(min(at)) AS first_day FROM stage_moves GROUP BY kind, machine, state)
    )
    GROUP BY kind, machine, state, day
);

-- How many moved from where to where, by day (UTC). from_state NULL = began, to_state NULL = ended.
CREATE OR REPLACE VIEW stage_flow_daily AS
SELECT
    kind, machine, toDate(at) AS day, from_state, to_state, label,
    count() AS transitions, uniqExact(entity) AS entities
FROM valid_transitions
GROUP BY kind, machine, day, from_state, to_state, label;

-- How long a visit to a state lasted, over the visits that have ended. Seconds.
CREATE OR REPLACE VIEW stage_dwell AS
SELECT
    kind, machine, assumeNotNull(toString(from_state)) AS state, count() AS visits,
    quantileExact(0.5)(assumeNotNull(dwell_s)) AS p50_s, quantileExact(0.9)(assumeNotNull(dwell_s)) AS p90_s
FROM valid_transitions
WHERE isNotNull(from_state) AND isNotNull(dwell_s)
GROUP BY kind, machine, state;

-- The order of the states in the definition last registered under each name.
CREATE OR REPLACE VIEW stage_order AS
SELECT definition, version, kind, machine, state, position, lost
FROM stages FINAL
WHERE (definition, registered_at) IN (SELECT definition, max(registered_at) FROM stages GROUP BY definition);

-- The funnel of the machine `stage`: who came this far or further, what share of the stage before and of the first one,
-- how many went no further (drop_off), how many of those are lost or gone, and how many stand here now.
CREATE OR REPLACE VIEW stage_funnel AS
WITH
    ladder AS (SELECT DISTINCT kind, toString(state) AS state, position FROM stage_order WHERE machine = 'stage' AND NOT lost),
    climbed AS (
        SELECT t.kind AS kind, t.entity AS entity, max(l.position) AS furthest
        FROM valid_transitions AS t
        INNER JOIN ladder AS l ON l.kind = t.kind AND l.state = toString(t.to_state)
        WHERE t.machine = 'stage'
        GROUP BY kind, entity
    ),
    standing AS (SELECT kind, entity, toString(state) AS state FROM entity_states WHERE machine = 'stage'),
    people AS (
        SELECT
            c.kind AS kind, c.furthest AS furthest,
            (s.state, s.kind) NOT IN (SELECT state, kind FROM ladder) AS lost
        FROM climbed AS c
        LEFT JOIN standing AS s ON s.kind = c.kind AND s.entity = c.entity
    ),
    counted AS (
        SELECT kind, furthest, count() AS stopped, countIf(lost) AS lost FROM people GROUP BY kind, furthest
    ),
    here AS (SELECT kind, state, count() AS now FROM standing GROUP BY kind, state),
    rungs AS (
        SELECT l.kind AS kind, l.position AS position, l.state AS state, c.stopped AS stopped, c.lost AS lost, h.now AS now
        FROM ladder AS l
        LEFT JOIN counted AS c ON c.kind = l.kind AND c.furthest = l.position
        LEFT JOIN here AS h ON h.kind = l.kind AND h.state = l.state
    ),
    summed AS (
        SELECT *, sum(stopped) OVER (
            PARTITION BY kind ORDER BY position DESC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS reached
        FROM rungs
    )
SELECT
    kind, position, state, reached,
    if(before = 0, NULL, reached / before) AS of_previous,
    if(first = 0, NULL, reached / first) AS of_first,
    stopped AS drop_off, lost, now
FROM (
    SELECT
        *,
        lagInFrame(reached, 1, 0) OVER climb AS before,
        first_value(reached) OVER climb AS first
    FROM summed
    WINDOW climb AS (PARTITION BY kind ORDER BY position ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
)
ORDER BY kind, position
SETTINGS join_use_nulls = 0;

-- Each alert once, as its latest record leaves it.
CREATE OR REPLACE VIEW alerts_now AS
SELECT
    lower(hex(r.opens)) AS alert, argMax(r.name, r.position) AS name, argMax(r.status, r.position) AS status,
    argMax(r.kind, r.position) AS kind, argMax(r.entity, r.position) AS entity,
    argMax(tuple(r.account), r.position).1 AS account,
    argMaxIf(r.severity, r.position, r.status = 'opened') AS severity,
    argMaxIf(r.title, r.position, r.status = 'opened') AS title,
    argMaxIf(r.signals, r.position, r.status = 'opened') AS signals,
    argMaxIf(r.because, r.position, r.status = 'opened') AS because,
    argMaxIf(r.evidence, r.position, r.status = 'opened') AS evidence,
    argMaxIf(tuple(r.clears_when), r.position, r.status = 'opened').1 AS clears_when,
    argMaxIf(tuple(r.do), r.position, r.status = 'opened').1 AS do,
    argMaxIf(tuple(r.act_by), r.position, r.status = 'opened').1 AS act_by,
    argMaxIf(tuple(r.owner), r.position, r.status = 'opened').1 AS owner,
    argMaxIf(r.carry, r.position, r.status = 'opened') AS carry,
    argMaxIf(r.at, r.position, r.status = 'opened') AS opened_at, argMax(r.at, r.position) AS changed_at
FROM alerts AS r
GROUP BY r.opens;

CREATE OR REPLACE VIEW open_alerts AS
SELECT * EXCEPT (status, changed_at) FROM alerts_now WHERE status = 'opened';

-- Accounts whose risk machine stands at `at_risk`, with the reason in words and what the open alert asks for.
CREATE OR REPLACE VIEW accounts_at_risk AS
SELECT
    e.entity AS account,
    ifNull(JSONExtract(e.carry, 'name', 'Nullable(String)'), e.entity) AS name,
    JSONExtract(e.carry, 'owner', 'Nullable(String)') AS owner,
    e.states['stage'] AS stage,
    JSONExtract(e.carry, 'mrr', 'Nullable(Float64)') AS mrr,
    parseDateTime64BestEffortOrNull(JSONExtractString(e.carry, 'renews_at'), 3, 'UTC') AS renews_at,
    e.since['risk'] AS since,
    e.signals AS signals,
    -- a risk may outlast its signals (hold): then the reason is what it was when the alert opened
    if(
        empty(e.signals) AND notEmpty(a.signals),
        concat('was: ', arrayStringConcat(arrayMap(s -> replaceAll(s, '_', ' '), a.signals), ', ')),
        arrayStringConcat(arrayMap(s -> replaceAll(s, '_', ' '), e.signals), ', ')
    ) AS reason,
    nullIf(a.alert, '') AS alert, nullIf(a.title, '') AS title, a.clears_when AS clears_when, a.do AS do, a.act_by AS act_by,
    e.as_of AS as_of
FROM (SELECT * FROM entities FINAL WHERE kind = 'account' AND NOT gone AND states['risk'] = 'at_risk') AS e
LEFT JOIN (
    SELECT
        entity, argMax(alert, opened_at) AS alert, argMax(title, opened_at) AS title,
        argMax(o.signals, opened_at) AS signals, argMax(tuple(clears_when), opened_at).1 AS clears_when, argMax(tuple(do), opened_at).1 AS do,
        argMax(tuple(act_by), opened_at).1 AS act_by
    FROM open_alerts AS o
    WHERE kind = 'account' AND severity IN ('high', 'critical')
    GROUP BY entity
) AS a ON a.entity = e.entity
SETTINGS join_use_nulls = 0;

-- Who uses it, by level, from each account's latest snapshot. A measure that the definition does not publish is NULL.
CREATE OR REPLACE VIEW engagement_by_level AS
SELECT
    entity AS account,
    ifNull(JSONExtract(carry, 'name', 'Nullable(String)'), entity) AS name,
    states['stage'] AS stage, states['risk'] AS risk,
    JSONExtract(measures, 'seats', 'Nullable(Float64)') AS seats,
    JSONExtract(measures, 'members', 'Nullable(Float64)') AS members,
    JSONExtract(measures, 'activated', 'Nullable(Float64)') AS activated,
    JSONExtract(measures, 'weekly', 'Nullable(Float64)') AS weekly,
    JSONExtract(measures, 'monthly', 'Nullable(Float64)') AS monthly,
    JSONExtract(measures, 'managers_28', 'Nullable(Float64)') AS managers_28,
    JSONExtract(measures, 'executives', 'Nullable(Float64)') AS executives,
    JSONExtract(measures, 'executives_30', 'Nullable(Float64)') AS executives_30,
    JSONExtract(measures, 'champions', 'Nullable(Float64)') AS champions,
    JSONExtract(measures, 'champions_14', 'Nullable(Float64)') AS champions_14,
    JSONExtract(measures, 'health', 'Nullable(Float64)') AS health,
    as_of
FROM entities FINAL
WHERE kind = 'account' AND NOT gone;

-- The same by account and day, as far as the daily snapshots go.
CREATE OR REPLACE VIEW engagement_daily AS
SELECT
    account, day, states['stage'] AS stage, states['risk'] AS risk,
    JSONExtract(measures, 'seats', 'Nullable(Float64)') AS seats,
    JSONExtract(measures, 'members', 'Nullable(Float64)') AS members,
    JSONExtract(measures, 'activated', 'Nullable(Float64)') AS activated,
    JSONExtract(measures, 'weekly', 'Nullable(Float64)') AS weekly,
    JSONExtract(measures, 'monthly', 'Nullable(Float64)') AS monthly,
    JSONExtract(measures, 'managers_28', 'Nullable(Float64)') AS managers_28,
    JSONExtract(measures, 'executives_30', 'Nullable(Float64)') AS executives_30,
    JSONExtract(measures, 'champions_14', 'Nullable(Float64)') AS champions_14,
    JSONExtract(measures, 'health', 'Nullable(Float64)') AS health,
    as_of
FROM account_days FINAL;

-- All that is known of an entity, in one line a fact. Filter by kind and entity; order by at, step.
CREATE OR REPLACE VIEW timeline AS
SELECT
    toString(kind) AS kind, entity, at, 2 AS step, 'transition' AS what, toString(machine) AS subject,
    concat(ifNull(toString(from_state), '(new)'), ' -> ', ifNull(toString(to_state), '(ended)')) AS change,
    toString(name) AS reason, because AS details, evidence, id
FROM valid_transitions
UNION ALL
SELECT
    toString(kind) AS kind, entity, at, 3 AS step, 'alert' AS what, toString(name) AS subject,
    toString(status) AS change, title AS reason, because AS details, evidence, lower(hex(r.id)) AS id
FROM alerts AS r FINAL
UNION ALL
SELECT
    if(v.entity = '', 'account', 'user') AS kind, if(v.entity = '', ifNull(v.account, ''), v.entity) AS entity, at,
    1 AS step, 'event' AS what, toString(name) AS subject, '' AS change, concat(place, ', ', actor) AS reason,
    properties AS details, [event_id] AS evidence, lower(hex(v.id)) AS id
FROM events AS v FINAL;

-- The law of stock, to be looked at: stock = entries - exits sums to the living, every entity is in one state of a machine
-- or in none after its end (broken counts those that are not), and the snapshots agree once both topics are read.
CREATE OR REPLACE VIEW stock_check AS
SELECT
    m.kind AS kind, m.machine AS machine, m.stock AS stock, m.living AS living, m.broken AS broken,
    s.snapshots AS snapshots
FROM (
    SELECT kind, machine, sum(balance) AS stock, countIf(balance > 0) AS living, countIf(NOT fine) AS broken
    FROM (
        SELECT kind, machine, entity, sum(net) AS balance, min(net) >= 0 AND sum(net) IN (0, 1) AS fine
        FROM (SELECT kind, machine, entity, state, sum(change) AS net FROM stage_moves GROUP BY kind, machine, entity, state)
        GROUP BY kind, machine, entity
    )
    GROUP BY kind, machine
) AS m
LEFT JOIN (SELECT kind, count() AS snapshots FROM entities FINAL WHERE NOT gone GROUP BY kind) AS s ON s.kind = m.kind
SETTINGS join_use_nulls = 0;
