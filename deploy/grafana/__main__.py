"""Write the dashboards again: `python -m deploy.grafana`. A test fails while the files differ from the panels."""

from deploy.grafana.build import write

for path in write():
    print(f"wrote {path.name}")
