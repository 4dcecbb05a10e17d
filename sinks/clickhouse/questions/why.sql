-- Why did accounts become at risk? The signals that held, most frequent first.
SELECT replaceAll(signal, '_', ' ') AS signal, count() AS times
FROM valid_transitions
ARRAY JOIN signals AS signal
WHERE kind = 'account' AND machine = 'risk' AND to_state = 'at_risk'
GROUP BY signal
ORDER BY times DESC, signal;
