-- Where do accounts stop?
-- `reached`: this stage or any later one; `lost`: stopped here and churned.
SELECT state, reached, round(100 * of_previous) AS percent, drop_off, lost, now
FROM stage_funnel
WHERE kind = 'account'
ORDER BY position;
