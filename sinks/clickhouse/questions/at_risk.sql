-- Which accounts are at risk, since when, and who looks after them?
-- Revenue in whole units of the account's currency, the largest first.
SELECT name, owner, round(mrr / 100) AS mrr, toDate(since) AS since, alert IS NOT NULL AS alerted
FROM accounts_at_risk
ORDER BY mrr DESC NULLS LAST, name
LIMIT 10;
