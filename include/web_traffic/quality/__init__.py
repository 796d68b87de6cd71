"""Data quality: rules as data, and the runner that applies them."""
