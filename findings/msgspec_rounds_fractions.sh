#!/bin/bash
# msgspec 0.22.0 rounds an RFC 3339 time to the microsecond instead of cutting it.
#
# Expected: 23:59:59.9999999 stays in its day and hour, as in Python's datetime.fromisoformat, and the last moment of
#   the year 9999 is a time. Go, Java and .NET write such fractions, of 7 to 9 digits.
# Seen: the time moves into the next day, and the last moment of the year 9999 is "Invalid RFC3339 encoded datetime".
#
# Needs Python 3.11 or newer and PyPI. Exits with 0 while this is so, and with another status if it changes.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check msgspec==0.22.0

"$folder/venv/bin/python" - <<'PYTHON'
import sys
from datetime import datetime

import msgspec

VALID = ["2026-11-27T23:59:59.9999999Z", "2026-11-27T10:04:59.9999995Z", "9999-12-31T23:59:59.9999999Z"]


def seen(text: str) -> str:
    try:
        return msgspec.json.decode(f'"{text}"', type=datetime).isoformat()
    except msgspec.ValidationError as error:
        return str(error)


print(f"msgspec {msgspec.__version__}, Python {sys.version.split()[0]}")
for text in VALID:
    print(f"{text}  expected {datetime.fromisoformat(text).isoformat()}  seen {seen(text)}")

sys.exit(
    [seen(text) for text in VALID]
    != ["2026-11-28T00:00:00+00:00", "2026-11-27T10:05:00+00:00", "Invalid RFC3339 encoded datetime"]
)
PYTHON
