"""What the board asks ClickHouse, a file a page. Reads only; values travel as parameters, and never as text of a query."""
