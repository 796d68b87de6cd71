"""The commands of the README do what it says."""

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from local_stack.environment import REPO, VAR
from local_stack.postgres import binaries
from tests.pipeline import RUN_LIMIT_SECONDS, Pipeline

ENVIRONMENT, PRODUCER, PSQL = (
    re.compile(rf"```sh\n({start}.*?)```", re.DOTALL) for start in ("set -a", "python - <<'END'", "PGPASSWORD")
)
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


def test_an_event_of_ones_own_reaches_the_table_as_the_page_of_commands_says(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in pipeline.environment.items()))
    page = (REPO / "docs" / "commands.md").read_text()
    [[environment], [producer], [psql]] = (block.findall(page) for block in (ENVIRONMENT, PRODUCER, PSQL))
    path = os.pathsep.join((str(Path(sys.executable).parent), str(binaries()), "/usr/bin", "/bin"))

    def shell(commands: str) -> str:
        own = {"PATH": path}
        command = ["bash", "-euo", "pipefail", "-c", f"{environment}\n{commands}"]
        return subprocess.run(command, cwd=tmp_path, env=own, check=True, capture_output=True, text=True).stdout

    assert "0 events did not arrive" in shell(producer)
    later = datetime.now(UTC) + timedelta(minutes=10)
    value = json.dumps({"event_time": later.isoformat(), "host": "later.example"})
    pipeline.produce(value.encode(), at=later)
    pipeline.run(MAX_CLOCK_SKEW="3600")
    assert "www.example.com" in shell(psql)
