-- Which rules fire most on accounts?
SELECT machine, name AS rule, count() AS times, uniqExact(entity) AS accounts
FROM valid_transitions
WHERE kind = 'account' AND from_state IS NOT NULL
GROUP BY machine, rule
ORDER BY times DESC, machine, rule
LIMIT 12;
