-- How long does it take an account from signing to adoption, by the quarter in which it signed?
SELECT toStartOfQuarter(signed) AS quarter, count() AS accounts, round(quantileExact(0.5)(days)) AS median_days
FROM (
    SELECT
        entity, minIf(at, to_state = 'onboarding') AS signed,
        dateDiff('day', signed, minIf(at, to_state = 'adoption')) AS days
    FROM valid_transitions
    WHERE kind = 'account' AND machine = 'stage'
    GROUP BY entity
    HAVING countIf(to_state = 'onboarding') > 0 AND countIf(to_state = 'adoption') > 0
)
GROUP BY quarter
ORDER BY quarter;
