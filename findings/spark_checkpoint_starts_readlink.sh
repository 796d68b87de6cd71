#!/bin/bash
# Spark 4.2.0 starts the program `readlink` for the files of a streaming checkpoint on a local disk.
#
# Expected: a driver writes and renames the files of a checkpoint by itself.
# Seen: Hadoop's FileContext, which Spark takes by default, asks `readlink` in a process of its own, several times for
#   each micro-batch. With Spark's other checkpoint manager, which goes through Hadoop's FileSystem, none is started.
#
# A `readlink` ahead in the PATH counts its calls and hands over to the real one.
# Needs Python 3.11 or newer, Java 17 or newer, and PyPI. Exits with 0 while this is so, and with another status if it
# changes.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pyspark==4.2.0

mkdir "$folder/bin"
real=$(command -v readlink)
printf '#!/bin/sh\necho "$@" >> "%s/calls"\nexec "%s" "$@"\n' "$folder" "$real" > "$folder/bin/readlink"
chmod +x "$folder/bin/readlink"

cat > "$folder/stream.py" <<'PYTHON'
import sys
from pathlib import Path

from pyspark.sql import SparkSession

folder, manager = Path(sys.argv[1]), sys.argv[2]
builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
if manager != "default":
    builder = builder.config("spark.sql.streaming.checkpointFileManagerClass", manager)
spark = builder.config("spark.sql.shuffle.partitions", "1").getOrCreate()
spark.sparkContext.setLogLevel("ERROR")
(folder / "input").mkdir()
(folder / "input" / "1.json").write_text('{"a": 1}\n')
calls = folder.parent / "calls"
calls.write_text("")  # what was started for the session does not count
counts = spark.readStream.schema("a int").json(str(folder / "input")).groupBy("a").count()
stream = counts.writeStream.outputMode("complete").format("noop").trigger(availableNow=True)
stream.option("checkpointLocation", str(folder / "checkpoint")).start().awaitTermination()
asked = [line for line in calls.read_text().splitlines() if "checkpoint" in line]
print(f"Spark {spark.version}, checkpoint manager {manager.rpartition('.')[2]}: {len(asked)} processes of readlink")
sys.exit(0 if bool(asked) == (manager == "default") else 1)
PYTHON

package=org.apache.spark.sql.execution.streaming.checkpointing
for manager in default "$package.FileSystemBasedCheckpointFileManager"; do
    mkdir "$folder/${manager##*.}"
    env "PATH=$folder/bin:$PATH" "PYSPARK_PYTHON=$folder/venv/bin/python" \
        "$folder/venv/bin/python" "$folder/stream.py" "$folder/${manager##*.}" "$manager" 2> "$folder/log" ||
        { tail -n 20 "$folder/log" >&2; exit 1; }
done
