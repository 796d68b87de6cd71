"""Deletes what is older than a person wants to keep."""
