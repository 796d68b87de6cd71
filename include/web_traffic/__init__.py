"""Web traffic: Kafka events to windows in PostgreSQL."""
