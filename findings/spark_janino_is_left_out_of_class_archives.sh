#!/bin/bash
# PySpark 4.2.0 brings two signed jars, so a JVM's archive of classes never holds Spark's compiler of generated code.
#
# Expected: an archive that is made at the end of a Spark run (`-XX:ArchiveClassesAtExit`) holds the classes of all jars
#   on the class path that the run has loaded.
# Seen: janino-3.1.9.jar and commons-compiler-3.1.9.jar are signed with a dummy key. The JVM leaves classes of signed
#   jars out of its archive, without a word unless `-Xlog:cds` is on. Each run that generates code loads hundreds of them
#   from the jars, and checks the digest of each. Copies without the signature, ahead of Spark's jars
#   (`spark.driver.extraClassPath`), are archived.
#
# One query makes an archive and then runs with it, first with Spark's jars, then with such copies ahead of them.
# Needs Python 3.11 or newer, Java 17 to 23, and PyPI. Exits with 0 while this is so, and with another status if it
# changes.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pyspark==4.2.0

cat > "$folder/query.py" <<'PYTHON'
from pyspark.sql import SparkSession

spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
assert spark.range(10).selectExpr("sum(id * 2)").collect()[0][0] == 90
PYTHON

cat > "$folder/unsign.py" <<'PYTHON'
import sys
from pathlib import Path
from zipfile import ZipFile

import pyspark

for jar in Path(pyspark.__file__).with_name("jars").glob("*.jar"):
    with ZipFile(jar) as signed:
        signatures = {name for name in signed.namelist() if name.startswith("META-INF/") and name.endswith((".SF", ".DSA"))}
        if signatures:
            with ZipFile(Path(sys.argv[1], jar.name), "w") as copy:
                for name in signed.namelist():
                    if name not in signatures:
                        copy.writestr(name, signed.read(name))
PYTHON

run() { # class path ahead of Spark's, options of the JVM
    PATH="$folder/venv/bin:$PATH" spark-submit --driver-class-path "$1" --driver-java-options "$2" "$folder/query.py" \
        > "$folder/out" 2>&1 || { tail -n 20 "$folder/out" >&2; exit 1; }
}

loaded() { # how many of Janino's classes come from a jar, and how many from the archive
    local jars=0 archived=0
    jars=$(grep -c ' org\.codehaus\.janino\..* source: .*janino' "$folder/loaded" || true)
    archived=$(grep -c ' org\.codehaus\.janino\..* source: shared objects file' "$folder/loaded" || true)
    echo "$jars $archived"
}

mkdir "$folder/unsigned"
"$folder/venv/bin/python" "$folder/unsign.py" "$folder/unsigned"
for way in "" "$folder/unsigned/janino-3.1.9.jar:$folder/unsigned/commons-compiler-3.1.9.jar"; do
    rm -f "$folder/archive" "$folder/loaded"
    run "$way" "-XX:ArchiveClassesAtExit=$folder/archive"
    run "$way" "-XX:SharedArchiveFile=$folder/archive -Xlog:class+load=info:file=$folder/loaded"
    if [ -z "$way" ]; then signed=$(loaded); else unsigned=$(loaded); fi
done
echo "PySpark 4.2.0, Janino's classes from its jar and from the archive: $signed; with copies that are not signed: $unsigned"
awk -v signed="$signed" -v unsigned="$unsigned" \
    'BEGIN { split(signed, s); split(unsigned, u); exit !(s[1] > 100 && s[2] == 0 && u[1] == 0 && u[2] > 100) }'
