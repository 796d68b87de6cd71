"""The commands of the README do what it says."""

import json
import re
import subprocess
from pathlib import Path

from local_stack.environment import REPO, VAR
from tests.pipeline import RUN_LIMIT_SECONDS, Pipeline

SPARK_SUBMIT = re.compile(r"```sh\n(set -a.*?)```", re.DOTALL)


def test_the_spark_application_runs_alone_as_the_readme_says(pipeline: Pipeline, tmp_path: Path) -> None:
    """Run the README's lines in a folder that looks like the project's, with the .env of this test's pipeline."""
    for name in (".venv", "include"):
        (tmp_path / name).symlink_to(REPO / name)
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "spark").symlink_to(VAR / "spark")
    names = ("KAFKA_URL", "KAFKA_TOPIC", "POSTGRES_URL", "POSTGRES_USER", "POSTGRES_PASSWORD", "CHECKPOINT_LOCATION")
    (tmp_path / ".env").write_text("".join(f"{name}={pipeline.environment[name]}\n" for name in names))
    pipeline.produce(b'{"event_time": "2026-03-29T12:00:00Z", "host": "a.example"}')
    [commands] = SPARK_SUBMIT.findall((REPO / "README.md").read_text())
    result = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        cwd=tmp_path,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "JAVA_HOME": pipeline.environment["JAVA_HOME"]},
        check=False,
        capture_output=True,
        text=True,
        timeout=RUN_LIMIT_SECONDS,
    )
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout.splitlines()[-1])["read"] == 1
