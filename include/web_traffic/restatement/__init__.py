"""The restatement of an interval: whether it may run, which records it reads, which events count, and its commit."""
