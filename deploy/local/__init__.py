"""A real Kafka and a real ClickHouse engine on this machine, with nothing installed but Python packages."""
