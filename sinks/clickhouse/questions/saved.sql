-- Of the accounts that were ever at risk, how many recovered, and how many churned?
SELECT
    count() AS ever_at_risk, countIf(stage = 'churn') AS churned, countIf(stage != 'churn' AND risk != 'at_risk') AS recovered,
    countIf(stage != 'churn' AND risk = 'at_risk') AS still_at_risk
FROM (
    SELECT
        entity, countIf(machine = 'risk' AND to_state = 'at_risk') AS times,
        argMaxIf(toString(to_state), (at, seq), machine = 'risk') AS risk,
        argMaxIf(toString(to_state), (at, seq), machine = 'stage') AS stage
    FROM valid_transitions
    WHERE kind = 'account'
    GROUP BY entity
)
WHERE times > 0;
