"""The core compiled ahead of time: `python -m deploy.native`. Optional; see schemas/native.py for what it is used for."""
