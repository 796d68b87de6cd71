"""The SQL is beside the modules that run it."""

from pathlib import Path

import pytest

from local_stack.environment import REPO
from web_traffic.statements import statements_beside

FILES = sorted((REPO / "include" / "web_traffic").rglob("sql/*.sql"))


def test_a_module_reads_the_statements_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "greeting" / "sql").mkdir(parents=True)
    (tmp_path / "greeting" / "__init__.py").touch()
    (tmp_path / "greeting" / "sql" / "greet.sql").write_text("SELECT 'Grüße'")
    statement = statements_beside("greeting.module")
    assert statement("greet").decode() == "SELECT 'Grüße'"


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(REPO)))
def test_each_statement_is_named_by_a_module_beside_it(file: Path) -> None:
    modules = "".join(module.read_text() for module in file.parent.parent.glob("*.py"))
    assert f'"{file.stem}"' in modules
