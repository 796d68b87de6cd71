"""The stack of docker compose, on a real engine."""
