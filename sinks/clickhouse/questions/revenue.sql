-- How did revenue move in the last six months on record?
-- Whole units; start and what was won, less what was lost, is the end.
SELECT currency, month, round(start / 100) AS start, round((new + reactivation) / 100) AS won, round(expansion / 100) AS expansion,
    round(contraction / 100) AS contraction, round(churn / 100) AS lost, round(end / 100) AS end, accounts
FROM revenue_monthly
WHERE month > addMonths((SELECT max(month) FROM revenue_monthly), -6)
ORDER BY currency, month;
