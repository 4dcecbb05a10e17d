-- The tables. Each is deduplicated by a deterministic key, because every insert may happen twice: the HTTP client
-- re-sends one silently when a connection resets, and a batch is read again after a crash. Merges happen when they
-- happen; read through the views of 0002, or with FINAL.

-- Every published stage change, corrections included. An id is repeated with a higher seq when it is taken back
-- (valid = false) or restored. `at` is part of the key, and equal for equal ids, so a year's partition holds all of an id.
CREATE TABLE IF NOT EXISTS transitions (
    id          FixedString(16),
    kind        LowCardinality(String),
    entity      String,
    account     Nullable(String),
    machine     LowCardinality(String),
    from_state  LowCardinality(Nullable(String)),
    to_state    LowCardinality(Nullable(String)),
    name        LowCardinality(String),
    label       LowCardinality(Nullable(String)),
    at          DateTime64(3, 'UTC'),
    detected_at DateTime64(3, 'UTC'),
    seq         UInt64,
    dwell_s     Nullable(Float64),
    definition  LowCardinality(String),
    version     UInt32,
    digest      LowCardinality(String),
    cause       String CODEC(ZSTD(1)),
    because     String CODEC(ZSTD(1)),
    signals     Array(String),
    evidence    Array(String),
    carry       String CODEC(ZSTD(1)),
    origin      LowCardinality(String),
    valid       Bool,
    supersedes  Nullable(String),
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3)
) ENGINE = ReplacingMergeTree(seq)
PARTITION BY toYear(at)
PRIMARY KEY (kind, entity)
ORDER BY (kind, entity, machine, at, id);

-- Every alert record: opened, resolved, retracted. `opens` is the id of the opening record, the same through its life.
CREATE TABLE IF NOT EXISTS alerts (
    id          FixedString(16),
    opens       FixedString(16),
    name        LowCardinality(String),
    status      LowCardinality(String),
    kind        LowCardinality(String),
    entity      String,
    account     Nullable(String),
    severity    LowCardinality(String),
    title       String,
    signals     Array(String),
    because     String CODEC(ZSTD(1)),
    evidence    Array(String),
    clears_when Nullable(String),
    do          Nullable(String),
    act_by      Nullable(DateTime64(3, 'UTC')),
    owner       Nullable(String),
    carry       String CODEC(ZSTD(1)),
    transition  Nullable(String),
    at          DateTime64(3, 'UTC'),
    detected_at DateTime64(3, 'UTC'),
    definition  LowCardinality(String),
    version     UInt32,
    origin      LowCardinality(String),
    position    UInt128,
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3)
) ENGINE = ReplacingMergeTree(position)
ORDER BY (opens, id);

-- Where each entity stands: its latest snapshot. gone = true after the null record that ends it.
CREATE TABLE IF NOT EXISTS entities (
    kind        LowCardinality(String),
    entity      String,
    account     Nullable(String),
    gone        Bool,
    as_of       DateTime64(3, 'UTC'),
    states      Map(LowCardinality(String), String),
    since       Map(LowCardinality(String), DateTime64(3, 'UTC')),
    signals     Array(String),
    measures    String CODEC(ZSTD(1)),
    carry       String CODEC(ZSTD(1)),
    definition  LowCardinality(String),
    version     UInt32,
    position    UInt128
) ENGINE = ReplacingMergeTree(position)
ORDER BY (kind, entity);

-- The last snapshot of each account and day (UTC), for history and trends.
CREATE TABLE IF NOT EXISTS account_days (
    account     String,
    day         Date,
    as_of       DateTime64(3, 'UTC'),
    states      Map(LowCardinality(String), String),
    since       Map(LowCardinality(String), DateTime64(3, 'UTC')),
    signals     Array(String),
    measures    String CODEC(ZSTD(1)),
    carry       String CODEC(ZSTD(1)),
    definition  LowCardinality(String),
    version     UInt32,
    position    UInt128
) ENGINE = ReplacingMergeTree(position)
ORDER BY (account, day);

-- What happened, as the engine understood it. `entity` is the user (known id, else anonymous id) or '' for an account's
-- own event. One event id of one entity is one row, whatever its time; so FINAL has to look across partitions, and does.
CREATE TABLE IF NOT EXISTS events (
    id          FixedString(16),
    event_id    String,
    entity      String,
    name        LowCardinality(String),
    type        LowCardinality(String),
    at          DateTime64(3, 'UTC'),
    user        Nullable(String),
    anonymous   Nullable(String),
    account     Nullable(String),
    properties  String CODEC(ZSTD(1)),
    traits      String CODEC(ZSTD(1)),
    actor       LowCardinality(String),
    place       LowCardinality(String),
    received_at Nullable(DateTime64(3, 'UTC')),
    source      LowCardinality(String),
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3),
    INDEX by_event   event_id TYPE bloom_filter GRANULARITY 1,
    INDEX by_account account  TYPE bloom_filter GRANULARITY 4
) ENGINE = ReplacingMergeTree
PARTITION BY toYear(at)
ORDER BY (entity, id);

-- What could not be processed: where it came from, why, and the original bytes.
CREATE TABLE IF NOT EXISTS dead_letters (
    id          FixedString(16),
    reason      LowCardinality(String),
    detail      String,
    topic       LowCardinality(String),
    partition   UInt32,
    offset      UInt64,
    item        UInt32,
    at          DateTime64(3, 'UTC'),
    key         Nullable(String),
    value       Nullable(String) CODEC(ZSTD(1)),
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3)
) ENGINE = ReplacingMergeTree
ORDER BY id;

-- The states of each definition in file order, written when the sink starts: a funnel needs an order, and shows empty
-- stages too. lost = an ending that is no progress (churn).
CREATE TABLE IF NOT EXISTS stages (
    definition    LowCardinality(String),
    version       UInt32,
    digest        LowCardinality(String),
    kind          LowCardinality(String),
    machine       LowCardinality(String),
    state         LowCardinality(String),
    position      UInt16,
    lost          Bool,
    registered_at DateTime64(3, 'UTC')
) ENGINE = ReplacingMergeTree(registered_at)
ORDER BY (definition, kind, machine, state);
