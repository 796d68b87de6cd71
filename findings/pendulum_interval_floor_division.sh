#!/bin/bash
# pendulum 3.3.0: an Interval can't be divided by a datetime.timedelta, though it is one itself.
#
# Expected: the difference of two pendulum times is an Interval, a subclass of datetime.timedelta, so `//` with a
#   datetime.timedelta gives a whole number, as for any timedelta. Airflow hands pendulum times to tasks.
# Seen: AttributeError, "'datetime.timedelta' object has no attribute '_to_microseconds'".
#
# Needs Python 3.11 or newer and PyPI. Exits with 0 while this is so, and with another status if it changes.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pendulum==3.3.0

"$folder/venv/bin/python" - <<'PYTHON'
import sys
from datetime import timedelta
from importlib.metadata import version

import pendulum

difference = pendulum.datetime(2026, 1, 1, 0, 7) - pendulum.datetime(2026, 1, 1)
assert isinstance(difference, timedelta)
try:
    seen = str(difference // timedelta(minutes=5))
except AttributeError as error:
    seen = str(error)

print(f"pendulum {version('pendulum')}, Python {sys.version.split()[0]}")
print(f"7 minutes // 5 minutes: expected {timedelta(minutes=7) // timedelta(minutes=5)}, seen {seen}")

sys.exit(seen != "'datetime.timedelta' object has no attribute '_to_microseconds'")
PYTHON
