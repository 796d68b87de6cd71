#!/bin/bash
# Spark 4.2.0 can't read the state of a checkpoint whose folder has a space in its name.
#
# Expected: `spark.read.format("statestore")` reads the state of each checkpoint that a streaming query has written.
# Seen: the query writes its checkpoint in a folder with a space, and goes on from it. The reader, given the same path,
#   says that the checkpoint has no committed batch (STDS_COMMITTED_BATCH_UNAVAILABLE). Its message has %20 where the
#   path has the space. In a folder without a space it reads the state.
#
# Needs Python 3.11 or newer, Java 17 or newer, and PyPI. Exits with 0 while this is so, and with another status if it
# changes.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pyspark==4.2.0

cat > "$folder/state.py" <<'PYTHON'
import sys
from pathlib import Path

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

folder = Path(sys.argv[1])
builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
spark = builder.config("spark.sql.shuffle.partitions", "1").getOrCreate()
spark.sparkContext.setLogLevel("OFF")
(folder / "input").mkdir()
(folder / "input" / "1.json").write_text('{"a": 1}\n')


def read(name: str) -> str:
    """Run a query twice with a checkpoint of that name, and say what the reader of its state answers."""
    checkpoint = folder / name
    for _ in range(2):
        counts = spark.readStream.schema("a int").json(str(folder / "input")).groupBy("a").count()
        stream = counts.writeStream.outputMode("complete").format("noop").trigger(availableNow=True)
        stream.option("checkpointLocation", str(checkpoint)).start().awaitTermination()
    try:
        return f"{spark.read.format('statestore').load(str(checkpoint)).count()} row"
    except PySparkException as error:
        return str(error.getCondition())


seen = {name: read(name) for name in ("without", "with a space")}
print(f"Spark {spark.version}: {seen}")
sys.exit(0 if seen == {"without": "1 row", "with a space": "STDS_COMMITTED_BATCH_UNAVAILABLE"} else 1)
PYTHON

"$folder/venv/bin/python" "$folder/state.py" "$folder" 2> "$folder/log" || { tail -n 20 "$folder/log" >&2; exit 1; }
