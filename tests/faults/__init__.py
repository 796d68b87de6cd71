"""The fault matrix: each cell breaks the real stack in one way, and compares what is left with a recount."""
