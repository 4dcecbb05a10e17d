"""ClickHouse: its tables and views, the rows that fill them, the writer, and every query that reads them."""

from schemas.native import prefer

prefer(__name__, __path__)
