-- Who is at risk, from the table of transitions alone: FINAL passes repetitions over, `valid` follows corrections.
-- The same answer as at_risk.py; the view accounts_at_risk says it with names, owners and reasons.
SELECT entity, max(at) AS since
FROM (
    SELECT entity, at, to_state, row_number() OVER (PARTITION BY entity ORDER BY at DESC, seq DESC) AS place
    FROM transitions FINAL
    WHERE kind = 'account' AND machine = 'risk' AND valid
)
WHERE place = 1 AND to_state = 'at_risk'
GROUP BY entity
ORDER BY entity;
