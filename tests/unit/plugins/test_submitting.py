"""The options of the driver's JVM, and the cause in the log of spark-submit."""

from pathlib import Path

import pytest

from web_traffic.errors import SettingsError
from web_traffic_airflow.submitting import cause_in_log, require_client_mode, with_options_of_user

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
def test_the_cause_is_the_last_line_of_the_application(log: str, exit_code: int, cause: str) -> None:
    assert cause_in_log(log, exit_code).startswith(cause)


@pytest.mark.parametrize(
    ("asked", "line"),
    [("cluster", ""), (None, "spark.submit.deployMode cluster"), ("client", "spark.submit.deployMode=cluster")],
)
def test_a_driver_that_would_get_no_logins_is_refused(tmp_path: Path, asked: str | None, line: str) -> None:
    file = tmp_path / "spark.conf"
    file.write_text(f"{line}\n")
    with pytest.raises(SettingsError, match="use deploy mode client"):
        require_client_mode(asked, str(file))
    require_client_mode("client", None)
