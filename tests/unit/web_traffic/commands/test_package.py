"""`web-traffic package` writes what Spark's workers need."""

from pathlib import Path

import pytest

from web_traffic.commands import main
from web_traffic.commands.package import libraries
from web_traffic.errors import EXIT_NEEDS_ATTENTION


def test_the_command_prints_sparks_property_for_the_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["package", str(tmp_path / "new")]) == 0
    assert capsys.readouterr().out == f"spark.submit.pyFiles {tmp_path / 'new' / 'web_traffic.zip'}\n"
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["web_traffic.zip"]


def test_the_libraries_are_those_that_the_code_needs_but_for_spark() -> None:
    names = {library.name for library in libraries()}
    assert {"psycopg", "psycopg-binary", "pyarrow", "msgspec", "pandas"} <= names
    assert names.isdisjoint({"pyspark", "py4j", "apache-airflow", "web-traffic"})


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert main(["package", str(tmp_path / "file" / "folder")]) == EXIT_NEEDS_ATTENTION
    assert "Not a directory" in capsys.readouterr().err
