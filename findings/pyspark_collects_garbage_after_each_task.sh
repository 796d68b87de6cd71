#!/bin/bash
# PySpark 4.2.0 collects Python's garbage after every task of a reused worker, over everything that was imported.
#
# Expected: a reused worker costs a short task next to nothing, whatever modules it has imported.
# Seen: after each task `pyspark.daemon` calls `gc.collect()`. It walks every object of the imported modules. With
#   pandas and pyarrow imported that takes most of a worker's processor time when tasks are short. A daemon of one's own
#   (`spark.python.daemon.module`) that calls `gc.freeze()` after its imports takes the modules out of the walk.
#
# Two daemons that import the same modules run the same 400 empty tasks in one worker; only one of them freezes.
# Needs Python 3.11 or newer, Java 17 or newer, and PyPI. Exits with 0 while this is so, and with another status if it
# changes.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pyspark==4.2.0 pandas==2.3.3 pyarrow==22.0.0

for freeze in "" "gc.freeze()"; do
    cat > "$folder/daemon_${freeze:+that_freezes}.py" <<PYTHON
import gc

import pandas, pyarrow
import pyspark.daemon

if __name__ == "__main__":
    $freeze
    pyspark.daemon.manager()
PYTHON
done

cat > "$folder/tasks.py" <<'PYTHON'
import resource
import sys

import pyspark
from pyspark.sql import SparkSession

TASKS = 400


def seconds_used(daemon):
    def used(_, rows):
        list(rows)
        usage = resource.getrusage(resource.RUSAGE_SELF)
        yield usage.ru_utime + usage.ru_stime

    builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    spark = builder.config("spark.python.daemon.module", daemon).getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    seconds = spark.sparkContext.parallelize(range(TASKS), TASKS).mapPartitionsWithIndex(used).collect()
    spark.stop()
    return seconds[-1] - seconds[0]


print(f"{seconds_used(sys.argv[1]):.2f}")
PYTHON

run() {
    PYTHONPATH="$folder" PYSPARK_PYTHON="$folder/venv/bin/python" \
        "$folder/venv/bin/python" "$folder/tasks.py" "$1" 2> "$folder/log" ||
        { tail -n 20 "$folder/log" >&2; exit 1; }
}
plain=$(run daemon_)
frozen=$(run daemon_that_freezes)
echo "PySpark 4.2.0, processor seconds of a worker in 400 empty tasks: $plain; with gc.freeze() before the fork: $frozen"
awk -v plain="$plain" -v frozen="$frozen" 'BEGIN { exit !(plain > 3 * frozen) }'
