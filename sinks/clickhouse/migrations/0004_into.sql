-- Where an entity ends because it was merged, `into` names the one that goes on. NULL everywhere else, and in rows that were
-- written before the column was there.
ALTER TABLE transitions ADD COLUMN IF NOT EXISTS `into` Nullable(String) AFTER supersedes;

-- A view keeps the columns that its `*` stood for when it was made, so it is made again.
CREATE OR REPLACE VIEW valid_transitions AS
SELECT lower(hex(t.id)) AS id, * EXCEPT (id, valid)
FROM transitions AS t FINAL
WHERE valid;
