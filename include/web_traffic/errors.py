"""What a person has to put right, told apart from what passes by itself; and the exit codes that tell them apart."""

EXIT_TRY_AGAIN = 1
"""Exit code of a command whose failure may be over at the next try."""
EXIT_FOUND_WRONG = 3
"""Exit code of a command that has done its work, and found something wrong."""
EXIT_NEEDS_ATTENTION = 78
"""Exit code of a command that a person has to put right (EX_CONFIG of sysexits.h)."""
EXIT_INTERRUPTED = 130
"""Exit code of a command that Ctrl-C has ended, as shells give it."""
EXIT_CODES = {
    0: "done, and nothing is wrong",
    EXIT_TRY_AGAIN: "not done: start it again later, the cause may be temporary",
    2: "the arguments are wrong",
    EXIT_FOUND_WRONG: "done, and something is wrong: the output says what",
    EXIT_NEEDS_ATTENTION: "not done: a person has to put something right first, and the error says what",
    EXIT_INTERRUPTED: "ended by Ctrl-C",
}
"""The exit codes of `web-traffic` and of the Spark applications, with their meanings. argparse gives the 2."""


class NeedsAttention(Exception):
    """Doing it again as it is would fail again: a person has to act. The message says how."""


class SettingsError(NeedsAttention):
    """An environment variable holds a value that the ETL can't use; the message names it and the fix."""
