"""The options of the driver's JVM, and the cause in the log of spark-submit."""

from pathlib import Path

import pytest

from web_traffic.errors import SettingsError
from web_traffic_airflow.submitting import cause_of, exit_status, runs_on_yarn, with_options_of_user

OURS = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"


@pytest.mark.parametrize(
    ("line", "options"),
    [
        ("spark.driver.extraJavaOptions -Duser=theirs -Xss4m", f"{OURS} -Duser=theirs -Xss4m"),
        ("spark.driver.extraJavaOptions=-Duser=theirs", f"{OURS} -Duser=theirs"),
        ("spark.driver.extraJavaOptions : -Duser=theirs \\\n    -Xss4m", f"{OURS} -Duser=theirs -Xss4m"),
        ("spark.driver.extraJavaOptions\t-XX:+UseG1GC", "-XX:TieredStopAtLevel=1 -XX:+UseG1GC"),
        ("# spark.driver.extraJavaOptions -Duser=theirs", OURS),
        ("spark.driver.extraJavaOptionsOfOthers -Duser=theirs", OURS),
        ("spark.driver.extraJavaOptions", OURS),
    ],
)
def test_options_of_the_user_are_kept_beside_ours(tmp_path: Path, line: str, options: str) -> None:
    file = tmp_path / "spark.conf"
    file.write_text(f"spark.master local[2]\n{line}\nspark.ui.enabled false\n")
    assert with_options_of_user(OURS, str(file)) == options


@pytest.mark.parametrize(
    ("memory", "options"),
    [("700m", "-XX:+UseParallelGC"), ("700", "-XX:+UseParallelGC"), ("1g", "-XX:+UseParallelGC -Xms1g")],
)
def test_the_heap_does_not_begin_larger_than_the_user_lets_it_be(tmp_path: Path, memory: str, options: str) -> None:
    file = tmp_path / "spark.conf"
    file.write_text(f"spark.driver.memory {memory}\n")
    assert with_options_of_user("-XX:+UseParallelGC -Xms1g", str(file)) == options


def test_options_in_sparks_own_file_of_defaults_are_kept_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPARK_CONF_DIR", raising=False)
    monkeypatch.delenv("SPARK_HOME", raising=False)
    assert with_options_of_user(OURS, None) == OURS
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "spark-defaults.conf").write_text("spark.driver.extraJavaOptions -Duser=theirs\n")
    monkeypatch.setenv("SPARK_HOME", str(tmp_path))
    assert with_options_of_user(OURS, None) == f"{OURS} -Duser=theirs"
    monkeypatch.setenv("SPARK_CONF_DIR", str(tmp_path / "nowhere"))
    assert with_options_of_user(OURS, None) == OURS


@pytest.mark.parametrize(
    ("log", "exit_code", "cause"),
    [
        (
            "WARNING: Using incubator modules\nTraceback (most recent call last):\nSettingsError: KAFKA_URL='x'",
            78,
            "SettingsError: KAFKA_URL='x'",
        ),
        ("KafkaUnavailable: is it up?\n26/11/27 INFO ShutdownHookManager: Deleting", 1, "KafkaUnavailable: is it up?"),
        (
            "2026-11-27T11:35:05Z ERROR x",
            52,
            "OutOfMemoryError: raise spark.driver.memory in Spark's properties file; ",
        ),
        ("", -9, "spark-submit was ended by signal 9: it was killed"),
        ("WARNING: it is old", 1, "spark-submit ended with exit code 1: its log says why"),
    ],
)
def test_without_a_word_of_the_application_the_cause_is_in_its_log(
    tmp_path: Path, log: str, exit_code: int, cause: str
) -> None:
    assert cause_of(tmp_path / "cause", log, exit_code).startswith(cause)


def test_what_the_application_says_counts_more_than_what_its_workers_say_after_it(tmp_path: Path) -> None:
    (tmp_path / "cause").write_text("InsufficientPrivilege: permission denied")
    log = "InsufficientPrivilege: permission denied\nTraceback (most recent call last):\nBrokenPipeError: [Errno 32]"
    assert cause_of(tmp_path / "cause", log, 78) == "InsufficientPrivilege: permission denied"


YARN = "http://rm.example:8088"


@pytest.mark.parametrize(
    ("master", "asked", "tracking", "line", "reason"),
    [
        ("spark://one:7077", "cluster", None, "", "Spark has no such mode for Python on a standalone cluster. Use"),
        ("spark://one:7077", None, None, "spark.submit.deployMode=cluster", "Spark has no such mode for Python"),
        ("k8s://https://one", "cluster", None, "", "the driver would get no addresses and no logins there. Use"),
        ("local[2]", None, YARN, "spark.submit.deployMode cluster", "does not work with the master local"),
        ("yarn", "cluster", None, "", "needs yarn_resourcemanager_webapp_address in the extra of spark_default"),
    ],
)
def test_a_deploy_mode_that_would_not_work_is_refused_with_the_reason(
    tmp_path: Path, master: str, asked: str | None, tracking: str | None, line: str, reason: str
) -> None:
    file = tmp_path / "spark.conf"
    file.write_text(f"{line}\n")
    with pytest.raises(SettingsError, match=reason):
        runs_on_yarn(master, asked, tracking, str(file))


@pytest.mark.parametrize(
    ("asked", "line", "is_on_yarn"),
    [
        ("cluster", "", True),
        (None, "spark.submit.deployMode cluster", True),
        ("client", "spark.submit.deployMode cluster", False),
        (None, "", False),
    ],
)
def test_the_connection_or_else_the_properties_say_where_the_driver_runs(
    tmp_path: Path, asked: str | None, line: str, is_on_yarn: bool
) -> None:
    file = tmp_path / "spark.conf"
    file.write_text(f"{line}\n")
    assert runs_on_yarn("yarn", asked, YARN, str(file)) is is_on_yarn


def test_the_exit_code_is_in_the_words_of_yarn() -> None:
    said = "ended with final status: FAILED\nDiagnostics: User application exited with status 78"
    assert (exit_status(said), exit_status("Application killed by user")) == (78, None)
