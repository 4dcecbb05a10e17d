#!/bin/sh
# Users of ClickHouse by role, made at the first start: the sink writes, boards and commands read, migrations are the admin's.
set -eu
clickhouse-client --user "$CLICKHOUSE_USER" --password "$CLICKHOUSE_PASSWORD" --multiquery <<SQL
CREATE USER IF NOT EXISTS journeys_write IDENTIFIED BY '$WRITE_PASSWORD';
GRANT SELECT, INSERT, ALTER UPDATE, ALTER DELETE ON journeys.* TO journeys_write;
CREATE USER IF NOT EXISTS journeys_read IDENTIFIED BY '$READ_PASSWORD' SETTINGS readonly = 2;
GRANT SELECT ON journeys.* TO journeys_read;
SQL
