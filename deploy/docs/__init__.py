"""Pages of the documentation that are made, not written: `python -m deploy.docs` makes them, tests hold them."""
