"""The PostgreSQL side: connection, schema, sink, and the ledger of batches and runs."""
