"""How journeys is run: here the local services; images, manifests and dashboards beside them."""
