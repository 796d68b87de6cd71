"""The SQL is beside the modules that run it."""

from pathlib import Path

from web_traffic.statements import statements_beside


def test_a_module_reads_the_statements_beside_it(tmp_path: Path) -> None:
    (tmp_path / "sql").mkdir()
    (tmp_path / "sql" / "count.sql").write_text("SELECT 1;")
    statement = statements_beside(str(tmp_path / "module.py"))
    assert statement("count") == b"SELECT 1;"
