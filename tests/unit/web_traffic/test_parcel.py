"""The package works from the zip that travels with a run."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from local_stack.environment import REPO
from web_traffic.errors import SettingsError
from web_traffic.parcel import pack_code, pack_settings
from web_traffic.settings import given_environment

PROGRAM = """
from web_traffic.parcel import is_packed, pack_code
from web_traffic.quality.rules import RULES
from web_traffic.warehouse.migrate import _migrations
from web_traffic.warehouse.rejected import statement
assert is_packed()
print(len(RULES), len(_migrations()), statement("insert_rejected_events").decode())
"""


def test_all_modules_and_all_sql_are_in_the_zip(tmp_path: Path) -> None:
    include = REPO / "include"
    source = {str(file.relative_to(include)) for kind in ("*.py", "*.sql") for file in include.rglob(kind)}
    assert set(zipfile.ZipFile(pack_code(tmp_path)).namelist()) == source


def test_the_package_works_from_the_zip(tmp_path: Path) -> None:
    file = pack_code(tmp_path)
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(file)!r})\n{PROGRAM}"]
    result = subprocess.run(command, check=False, capture_output=True, text=True, cwd=tmp_path)
    assert "INSERT INTO etl.rejected_event" in result.stdout, result.stderr


def test_a_driver_in_the_cluster_gets_the_settings_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = {"KAFKA_URL": "kafka.example:9092", "POSTGRES_PASSWORD": "p", "CHECKPOINT_LOCATION": "/shared/checkpoint"}
    run = {"REBUILD_CHECKPOINT": "true", "RESTATE_FROM": "2026-03-29T00:00:00Z", "RESTATE_SHARES": "[]"}
    file = pack_settings(tmp_path, own | run | {"PATH": "/bin", "AWS_SECRET_ACCESS_KEY": "s"})
    found = json.loads(file.read_text())
    assert found.pop("CHECKPOINT_LOCATION").endswith("/shared/checkpoint")
    assert found == {name: value for name, value in (own | run).items() if name in found}
    assert found.keys() >= {"KAFKA_URL", "POSTGRES_PASSWORD", "REBUILD_CHECKPOINT", "RESTATE_FROM"}
    assert file.stat().st_mode & 0o777 == 0o600
    monkeypatch.setenv("KAFKA_URL", "of the process")
    assert given_environment([str(file)])["KAFKA_URL"] == "kafka.example:9092"
    assert given_environment([])["KAFKA_URL"] == "of the process"


@pytest.mark.parametrize("content", [None, "[]", "{"])
def test_a_file_that_holds_no_settings_is_refused(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "settings.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(SettingsError, match=r"settings\.json must be a file with a JSON object of settings"):
        given_environment([str(file)])
