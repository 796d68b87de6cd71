"""The archives of classes are only for speed: without it set-up goes on, and nothing half-made stays."""

from pathlib import Path

import pytest

from local_stack import spark
from tests.homes import fresh_home


@pytest.mark.parametrize("begun", [False, True], ids=["nothing yet", "a half archive of an earlier set-up"])
def test_a_training_that_is_too_slow_is_said_and_set_up_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], begun: bool
) -> None:
    home = fresh_home("training")
    monkeypatch.setattr(spark, "TRAINING_LIMIT_SECONDS", 0.01)
    monkeypatch.setattr(spark, "TRAINING", home / "stack")
    monkeypatch.setattr(spark, "FOLDER", tmp_path)
    monkeypatch.setattr(spark, "PROPERTIES_FILE", tmp_path / "spark.conf")
    if begun:
        (tmp_path / "classes.partial").write_bytes(b"half")
    spark.prepare_spark()
    [archive] = tmp_path.glob("classes*")
    said = capsys.readouterr().out
    assert f"No archive of classes, so Kafka and runs start seconds later ({spark.sys.executable}" in said
    assert f"to try again remove {archive}" in said
    assert "SharedArchiveFile" not in (tmp_path / "spark.conf").read_text()
    assert "AOTCache" not in (tmp_path / "spark.conf").read_text()
    assert not (home / "stack").exists()
    spark.prepare_spark()  # not tried again
    assert capsys.readouterr().out == ""
