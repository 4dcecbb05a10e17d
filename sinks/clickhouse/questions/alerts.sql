-- How many alerts did each owner get, and how long were they open?
SELECT owner, count() AS alerts, countIf(status = 'opened') AS open, round(avgIf(dateDiff('hour', opened_at, changed_at), status != 'opened') / 24, 1) AS days
FROM alerts_now
WHERE kind = 'account'
GROUP BY owner
ORDER BY alerts DESC, owner;
