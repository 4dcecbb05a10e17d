"""What the subcommands of `journeys` do; the command line itself is in streams/cli.py."""
