-- Which accounts renew within 90 days, and how do they stand?
-- Counted from the last day on record, so that it can be asked of history too.
SELECT JSONExtractString(carry, 'name') AS name, JSONExtractString(carry, 'owner') AS owner, states['stage'] AS stage,
    states['risk'] AS risk, toDate(parseDateTime64BestEffort(JSONExtractString(carry, 'renews_at'), 3, 'UTC')) AS renews
FROM entities FINAL
WHERE kind = 'account' AND NOT gone AND JSONExtractString(carry, 'renews_at') != '' AND states['stage'] != 'churn'
    AND dateDiff('day', (SELECT max(at) FROM events), parseDateTime64BestEffort(JSONExtractString(carry, 'renews_at'), 3, 'UTC')) BETWEEN 0 AND 90
ORDER BY renews, name
LIMIT 10;
