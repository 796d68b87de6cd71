"""Copies of Spark's signed jars without their signatures.

Two jars that pyspark 4.2.0 brings, Janino and its compiler interface, are signed with a dummy key. A JVM leaves the
classes of signed jars out of its archive, and checks the digest of each class when it loads it.
"""

import re
import shutil
from pathlib import Path
from zipfile import ZipFile

import pyspark

JARS_OF_SPARK = Path(pyspark.__file__).with_name("jars")
SIGNATURE = re.compile(r"META-INF/[^/]+\.(SF|DSA|RSA|EC)")


def unsigned_copies(folder: Path) -> list[Path]:
    """Return a copy of each signed jar of Spark; they are made once in `folder`, and go ahead of Spark's jars."""
    if not folder.is_dir():
        partial = folder.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        for jar in JARS_OF_SPARK.glob("*.jar"):
            with ZipFile(jar) as signed:
                if any(map(SIGNATURE.fullmatch, signed.namelist())):
                    _copy(signed, partial / jar.name)
        partial.rename(folder)
    return sorted(folder.iterdir())


def _copy(signed: ZipFile, place: Path) -> None:
    with ZipFile(place, "w") as copy:
        for entry in signed.infolist():
            if not SIGNATURE.fullmatch(entry.filename):
                copy.writestr(entry, signed.read(entry))
