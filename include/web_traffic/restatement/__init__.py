"""The restatement of an interval: may it run, which records it reads, which events count, and the one commit."""
