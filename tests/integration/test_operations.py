"""The restores of docs/operations.md, by its own commands, on the real PostgreSQL, Kafka and checkpoint."""

import os
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from local_stack import Stack
from local_stack.environment import REPO
from local_stack.postgres import binaries
from tests.copies import CheckpointCopy
from tests.integration.test_guard import refusal
from tests.pipeline import Pipeline

PAGE = (REPO / "docs" / "operations.md").read_text()
NIGHT = datetime(2026, 3, 29, tzinfo=UTC)


def commands(section: str) -> str:
    """Return the commands of a section of the page."""
    [text] = re.findall(rf"^## {section}$(.*?)^## ", PAGE, re.MULTILINE | re.DOTALL)
    [block] = re.findall(r"^ *```sh$(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
    return str(block)


def shell(stack: Stack, pipeline: Pipeline, folder: Path, section: str) -> None:
    """Run the commands of a section for the pipeline's own database."""
    name = pipeline.settings.postgres_url.rpartition("/")[2]
    secrets = {
        "POSTGRES_URL": f"jdbc:{pipeline.settings.postgres_url}",
        "POSTGRES_OWNER_PASSWORD": stack.secrets.postgres_owner,
        "POSTGRES_ADMIN_PASSWORD": stack.secrets.postgres_admin,
        "PATH": f"{binaries()}:{os.environ['PATH']}",
    }
    script = re.sub(r"(DATABASE (?:IF EXISTS )?)web_traffic\b", rf"\g<1>{name}", commands(section))
    result = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env=os.environ | secrets,
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr


def count_hour(pipeline: Pipeline, hour: int) -> None:
    pipeline.produce_traffic(3_000, hour, NIGHT.replace(hour=hour), NIGHT.replace(hour=hour + 1))
    pipeline.run()


@pytest.mark.parametrize("is_counted_since", [True, False])
def test_a_backup_is_restored_beside_the_checkpoint_of_today(
    stack: Stack, pipeline: Pipeline, tmp_path: Path, is_counted_since: bool
) -> None:
    count_hour(pipeline, 0)
    shell(stack, pipeline, tmp_path, "Back up")
    if is_counted_since:
        count_hour(pipeline, 1)
        count_hour(pipeline, 2)
    before = pipeline.windows()
    shell(stack, pipeline, tmp_path, "Restore")
    if is_counted_since:
        assert len(pipeline.windows()) < len(before)
        assert "the database is older than the checkpoint" in refusal(pipeline)
    pipeline.run(REBUILD_CHECKPOINT="true")
    windows = pipeline.windows()  # they may have more hits: one batch has read what was late for several
    assert {key: hits for key, hits in before.items() if windows.get(key, 0) < hits} == {}
    count_hour(pipeline, 3)
    recount = pipeline.recount()
    assert recount.is_right, recount


def test_a_checkpoint_of_an_hour_ago_is_restored_beside_the_database_of_today(pipeline: Pipeline) -> None:
    count_hour(pipeline, 0)
    copy = CheckpointCopy(pipeline)
    count_hour(pipeline, 1)
    count_hour(pipeline, 2)
    before = pipeline.windows()
    copy.restore()
    assert "the checkpoint is older than the database" in refusal(pipeline)
    pipeline.run(REBUILD_CHECKPOINT="true")
    assert pipeline.windows() == before
    recount = pipeline.recount()
    assert recount.is_right, recount
