"""Takes out of messages what none may show: passwords, and the contents of events."""

import re

_PASSWORDS = (
    (re.compile(r"(://[^\s/:@]*:)\S+@"), r"\1***@"),
    (
        re.compile(
            r"(?i)\b(\w*(?:password|passwd|secret|token|api_?key)\w*[\"']?\s*[=:]\s*)"
            r"(\"(?:[^\"\\]|\\.)*\"|'[^']*'|[^\s,;]+)"
        ),
        r"\1***",
    ),
    (re.compile(r"(?s)(-----BEGIN [A-Z ]*PRIVATE KEY-----).*?(-----END|\Z)"), r"\1***\2"),
)
_EVENT = re.compile(r"\{.*\}")


def without_passwords(line: str) -> str:
    """Return the line with `***` for what follows `password=` and its like, and in the login of an address."""
    for pattern, instead in _PASSWORDS:
        line = pattern.sub(instead, line)
    return line


def masked(line: str) -> str:
    """Return the line without passwords and without what stands in braces, which may be an event."""
    return _EVENT.sub("{…}", without_passwords(line))
