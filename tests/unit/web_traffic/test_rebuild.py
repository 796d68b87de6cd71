"""How a checkpoint makes room for a new one."""

from pathlib import Path

from web_traffic.checkpoint import Checkpoint
from web_traffic.rebuild import set_aside


def test_a_checkpoint_that_is_set_aside_keeps_its_files_under_another_name(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    (folder / "metadata").write_text("of Spark")
    set_aside(Checkpoint(folder))
    [aside] = tmp_path.iterdir()
    assert aside.name.startswith("checkpoint.replaced-")
    assert (aside / "metadata").read_text() == "of Spark"


def test_a_checkpoint_that_is_not_there_needs_no_room(tmp_path: Path) -> None:
    set_aside(Checkpoint(tmp_path / "checkpoint"))
    assert list(tmp_path.iterdir()) == []
