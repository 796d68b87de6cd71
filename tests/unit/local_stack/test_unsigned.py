"""The copies of Spark's signed jars: without signatures, and with all else."""

from pathlib import Path
from zipfile import ZipFile

from local_stack.unsigned import JARS_OF_SPARK, SIGNATURE, unsigned_copies


def test_each_signed_jar_of_spark_has_a_copy_with_all_but_the_signatures(tmp_path: Path) -> None:
    copies = unsigned_copies(tmp_path / "copies")
    assert "janino" in " ".join(copy.name for copy in copies)
    for copy in copies:
        before, after = entries(JARS_OF_SPARK / copy.name), entries(copy)
        signatures = before.keys() - after.keys()
        assert signatures
        assert all(SIGNATURE.fullmatch(name) for name in signatures)
        assert after == {name: content for name, content in before.items() if name not in signatures}
    assert signed_jars(tmp_path / "copies") == set()
    assert signed_jars(JARS_OF_SPARK) == {copy.name for copy in copies}


def test_copies_are_made_once_and_half_made_ones_again(tmp_path: Path) -> None:
    half = tmp_path / "copies.partial"
    half.mkdir()
    (half / "another.jar").touch()
    copies = unsigned_copies(tmp_path / "copies")
    made = [copy.stat().st_mtime_ns for copy in copies]
    assert [copy.stat().st_mtime_ns for copy in unsigned_copies(tmp_path / "copies")] == made
    assert "another.jar" not in {copy.name for copy in copies}


def entries(jar: Path) -> dict[str, bytes]:
    with ZipFile(jar) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def signed_jars(folder: Path) -> set[str]:
    return {jar.name for jar in folder.glob("*.jar") if any(map(SIGNATURE.fullmatch, ZipFile(jar).namelist()))}
