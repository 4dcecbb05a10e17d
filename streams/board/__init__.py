"""The live board: pages over ClickHouse for people who look after users and accounts. Reads only."""
