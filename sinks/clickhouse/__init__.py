"""ClickHouse: its tables and views, the rows that fill them, the writer, and every query that reads them."""
