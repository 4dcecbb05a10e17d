"""The engine: a pure journey core, the delivery rules around it, and the Faust shell that runs both."""
