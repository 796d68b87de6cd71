"""What the pipeline works with: each cell is one way to reach Kafka and PostgreSQL, on one Java and one Python."""
