"""Alerts where people are: which alert goes where and when (rules, desk: pure), how it is sent, and what was told already."""
