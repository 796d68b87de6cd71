#!/bin/bash
# pytest-xdist 3.8.0 does not heed its own groups (--dist loadgroup, mark xdist_group) with pytest 9.2.0.
#
# Expected: all tests with the same mark run in the same worker, as its documentation says.
# Seen: the tests of one group run in both workers, without a warning. With pytest 9.0.0 they run in one.
#
# Needs Python 3.11 or newer and PyPI. Exits with 0 while this is so, and with another status if it changes.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
cat > "$folder/test_group.py" <<'PYTHON'
import os
import time

import pytest

pytestmark = pytest.mark.xdist_group("one")


@pytest.mark.parametrize("number", range(20))
def test_each_says_where_it_runs(number):
    time.sleep(0.05)
    with open(os.environ["WORKERS"], "a") as workers:
        workers.write(os.environ["PYTEST_XDIST_WORKER"] + "\n")
PYTHON

workers_with() {
    "$folder/venv/bin/pip" install --quiet --disable-pip-version-check "pytest==$1" pytest-xdist==3.8.0
    rm -f "$folder/workers"
    WORKERS="$folder/workers" "$folder/venv/bin/python" -m pytest -q -n 2 --dist loadgroup \
        --rootdir "$folder" "$folder/test_group.py" > "$folder/log"
    sort -u "$folder/workers" | wc -l
}

old=$(workers_with 9.0.0)
new=$(workers_with 9.2.0)
echo "workers that ran the tests of one group: expected 1; seen $old with pytest 9.0.0, $new with pytest 9.2.0"
[ "$old" = 1 ] && [ "$new" = 2 ]
