-- What was erased on request, without saying whom: `subject` is a keyed hash, of which the key is in the settings alone.
CREATE TABLE IF NOT EXISTS erasures (
    request  String,
    subject  String,
    kind     LowCardinality(String),
    at       DateTime64(3, 'UTC'),
    asked_by String,
    reason   String,
    found    String,
    left     String
) ENGINE = ReplacingMergeTree ORDER BY request;
