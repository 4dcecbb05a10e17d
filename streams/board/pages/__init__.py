"""The board's pages, a file each: what the address asks for, what ClickHouse is asked, what the template is given."""
