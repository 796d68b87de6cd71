"""What a person has to put right, told apart from what passes by itself."""

EXIT_NEEDS_ATTENTION = 78
"""Exit code of a command that a person has to put right (EX_CONFIG of sysexits.h)."""
EXIT_TRY_AGAIN = 1
"""Exit code of a command whose failure may be over at the next try."""


class NeedsAttention(Exception):
    """Doing it again as it is would fail again: a person has to act. The message says how."""
