"""Collect: the door that SDKs and webhooks send to. What they send becomes raw records on the source topics, acknowledged
only once Kafka has them; what it means is the engine's to decode."""
