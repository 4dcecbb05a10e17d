"""Grafana: two dashboards and their data sources, provisioned by file. `python -m deploy.grafana` writes the dashboards."""
