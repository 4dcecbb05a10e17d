"""The pure journey core: measures, guards, machines, timers, explanation. Standard library and schemas only."""
