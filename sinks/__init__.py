"""Sinks: where results go. ClickHouse for tables and views, memory as a production-grade fake of it."""
