-- How many accounts and users stand where?
-- Stock is entries minus exits; `stock_check` holds that it adds up.
SELECT kind, state, entries, exits, entities
FROM stage_stock
WHERE machine = 'stage'
ORDER BY kind, entities DESC, state;
