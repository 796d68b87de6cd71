"""What a person has to put right, told apart from what passes by itself."""

EXIT_NEEDS_ATTENTION = 78
"""Exit code of a command that failed with `NeedsAttention` (EX_CONFIG of sysexits.h); 1 may pass on a retry."""


class NeedsAttention(Exception):
    """Doing it again as it is would fail again: a person has to act. The message says how."""
