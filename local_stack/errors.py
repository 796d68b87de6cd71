"""The one error of the embedded stack."""


class StackError(Exception):
    """Something the user can put right; the message is one line that says what and how."""
