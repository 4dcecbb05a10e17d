-- What happened to one account? Its stages, with the rule behind each.
SELECT toDate(at) AS day, ifNull(toString(from_state), '') AS was, to_state AS became, name AS rule, round(dwell_s / 86400) AS days_before
FROM valid_transitions
WHERE kind = 'account' AND machine = 'stage' AND entity = 'a-brightwater'
ORDER BY at, seq;
