"""Settings: what the environment may hold, and what is said when it does not."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from web_traffic.alerts.settings import AlertSettings
from web_traffic.errors import SettingsError
from web_traffic.intervals import Interval
from web_traffic.retention.ages import RetentionSettings
from web_traffic.settings import RestateSettings, Settings, Share


def test_without_an_environment_the_documented_defaults_hold() -> None:
    settings = Settings.from_environment({})
    assert (settings.kafka_url, settings.kafka_topic) == ("localhost:9093", "web_traffic_topic")
    assert settings.starting_offsets == "earliest"
    assert settings.max_clock_skew.total_seconds() == 300


@pytest.mark.parametrize("url", ["jdbc:postgresql://db:5433/traffic", "postgresql://db:5433/traffic"])
def test_postgres_url_may_be_jdbc_or_not(url: str) -> None:
    assert Settings.from_environment({"POSTGRES_URL": url}).postgres_url == "postgresql://db:5433/traffic"


@pytest.mark.parametrize("parameter", ["reWriteBatchedInserts=true", "ssl=false", "currentSchema=etl&sslmode=require"])
def test_a_parameter_of_jdbc_drivers_is_named_with_those_that_work(parameter: str) -> None:
    with pytest.raises(SettingsError) as error:
        Settings.from_environment({"POSTGRES_URL": f"jdbc:postgresql://db/traffic?{parameter}"})
    assert f'parameter: "{parameter.partition("=")[0]}". Leave out what only JDBC drivers know' in str(error.value)
    assert "sslmode, sslrootcert, connect_timeout and application_name" in str(error.value)


def test_parameters_of_libpq_are_kept() -> None:
    url = "postgresql://db/traffic?sslmode=verify-full&sslrootcert=/ca.pem&connect_timeout=3"
    assert Settings.from_environment({"POSTGRES_URL": f"jdbc:{url}"}).postgres_url == url


@pytest.mark.parametrize(
    ("value", "location"),
    [
        ("/data/checkpoint/", "file:///data/checkpoint"),
        ("/data/of:today/checkpoint", "file:///data/of:today/checkpoint"),
        ("file:/data/checkpoint", "file:///data/checkpoint"),
        ("file:///data/checkpoint", "file:///data/checkpoint"),
        ("var/checkpoint", f"file://{Path.cwd()}/var/checkpoint"),
        ("hdfs:///checkpoint", "hdfs:///checkpoint"),
        ("hdfs://namenode:8020/etl/checkpoint/", "hdfs://namenode:8020/etl/checkpoint"),
        ("s3a://bucket/checkpoint", "s3a://bucket/checkpoint"),
        ("abfss://container@account.example/checkpoint", "abfss://container@account.example/checkpoint"),
    ],
)
def test_the_checkpoint_is_in_a_folder_of_the_disk_or_of_any_store(value: str, location: str) -> None:
    assert Settings.from_environment({"CHECKPOINT_LOCATION": value}).checkpoint_location == location


def test_the_password_is_in_no_representation() -> None:
    assert "s3cret" not in repr(Settings.from_environment({"POSTGRES_PASSWORD": "s3cret"}))


def test_a_password_beside_a_login_by_token_is_refused() -> None:
    login = {"POSTGRES_LOGIN": "rds-iam", "POSTGRES_PASSWORD": "s3cret"}
    with pytest.raises(SettingsError, match="has no effect with POSTGRES_LOGIN=rds-iam: leave it empty") as refused:
        Settings.from_environment(login)
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KAFKA_URL", "broker"),
        ("POSTGRES_LOGIN", "kerberos"),
        ("KAFKA_URL", "broker:9092,other"),
        ("KAFKA_TOPIC", "web traffic"),
        ("KAFKA_TOPIC", ""),
        ("POSTGRES_URL", "mysql://db/traffic"),
        ("POSTGRES_URL", "postgresql://db"),
        ("POSTGRES_URL", "postgresql://db/traffic?password=s3cret"),
        ("POSTGRES_URL", "postgresql://user:s3cret@db/traffic"),
        ("POSTGRES_URL", "postgresql://db/traffic?user=somebody"),
        ("POSTGRES_URL", "postgresql://db/traffic?%70assword=s3cret"),
        ("POSTGRES_URL", "postgresql://db/traffic?sslmode"),
        ("CHECKPOINT_LOCATION", ""),
        ("CHECKPOINT_LOCATION", "/"),
        ("CHECKPOINT_LOCATION", "file://host/checkpoint"),
        ("CHECKPOINT_LOCATION", "s3a://bucket"),
        ("CHECKPOINT_LOCATION", "s3a://bucket/"),
        ("CHECKPOINT_LOCATION", "s3a://key:s3cret@bucket/checkpoint"),
        ("STARTING_OFFSETS", "newest"),
        ("SHUFFLE_PARTITIONS", "0"),
        ("MAX_CLOCK_SKEW", "5m"),
    ],
)
def test_a_wrong_value_is_refused_by_the_name_of_its_variable(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name) as error:
        Settings.from_environment({name: value})
    assert "s3cret" not in str(error.value)


HOUR = {"RESTATE_FROM": "2026-03-29T12:00:00Z", "RESTATE_TO": "2026-03-29T13:00:00+00:00"}


def at(clock: str) -> datetime:
    return datetime.fromisoformat(f"2026-03-29T{clock}:00+00:00")


def test_a_restatement_has_an_interval_and_a_day_of_lateness() -> None:
    request = RestateSettings.from_environment(HOUR)
    assert request.interval == (at("12:00"), at("13:00"))
    assert (request.allowed_lateness.total_seconds(), request.dry_run, request.shares) == (86_400, False, ())
    assert str(request.interval) == "2026-03-29 12:00 to 2026-03-29 13:00 UTC"


def test_times_of_any_zone_come_as_utc() -> None:
    request = RestateSettings.from_environment(HOUR | {"RESTATE_FROM": "2026-03-29T14:00:00+02:00"})
    assert request.interval == (at("12:00"), at("13:00"))


def test_idle_windows_have_no_interval_yet() -> None:
    assert RestateSettings.from_environment({"CLOSE_IDLE_WINDOWS": "true"}).interval is None


def test_shares_are_other_runs_with_their_intervals() -> None:
    shares = '[["next", "2026-03-29T13:00:00+00:00", "2026-03-29T13:05:00+00:00"]]'
    request = RestateSettings.from_environment(HOUR | {"RESTATE_SHARES": shares})
    assert request.shares == (Share("next", Interval(at("13:00"), at("13:05"))),)


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"RESTATE_TO": ""}, "there is only RESTATE_FROM: give both, or neither"),
        ({"RESTATE_FROM": "", "RESTATE_TO": ""}, "give RESTATE_FROM and RESTATE_TO, or CLOSE_IDLE_WINDOWS"),
        ({"CLOSE_IDLE_WINDOWS": "true"}, "CLOSE_IDLE_WINDOWS restates .*: leave out RESTATE_FROM and RESTATE_TO"),
        ({"RESTATE_FROM": "2026-03-29T12:01:00Z"}, "RESTATE_FROM: .* must be a multiple of 5 minutes, such as"),
        ({"RESTATE_FROM": "2026-03-29T12:00:00"}, "RESTATE_FROM: .* must say its offset from UTC"),
        ({"RESTATE_TO": "tomorrow"}, "RESTATE_TO: 'tomorrow' must be a time like 2026-03-29T00:00:00"),
        ({"RESTATE_FROM": "2026-03-29T13:00:00Z"}, "RESTATE_FROM, .* must be earlier than RESTATE_TO"),
        ({"ALLOWED_LATENESS": "0"}, "ALLOWED_LATENESS='0' must be a positive whole number"),
    ],
)
def test_what_is_no_restatement_is_refused_with_what_it_may_be(environment: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        RestateSettings.from_environment(HOUR | environment)


def test_alerts_go_nowhere_unless_they_are_told_where() -> None:
    settings = AlertSettings.from_environment({})
    assert (settings.smtp_url, settings.recipients, settings.urls, settings.airflow_url) == (None, (), (), None)
    assert settings.run_deadline == timedelta(minutes=20)


def test_an_alert_setting_that_makes_no_sense_is_named_without_its_value() -> None:
    with pytest.raises(SettingsError, match=r"^ALERT_SMTP_URL must look like smtp://host:port") as error:
        AlertSettings.from_environment({"ALERT_SMTP_URL": "mail:swordfish"})
    assert "swordfish" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [("KEEP_RESULTS", "8"), ("KEEP_RUNS", "8"), ("KEEP_REJECTED", "0"), ("KEEP_ALERTS", "a week")],
)
def test_data_can_not_be_kept_for_too_short_a_time(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"{name}='{value}' must be a whole number of days, at least"):
        RetentionSettings.from_environment({name: value})


def test_each_kind_of_data_is_kept_as_long_as_its_setting_says() -> None:
    keep = RetentionSettings.from_environment({"KEEP_RESULTS": "30", "KEEP_RUNS": "forever", "KEEP_ALERTS": ""})
    assert (keep.results, keep.runs, keep.alerts) == (timedelta(days=30), None, timedelta(days=400))
    assert RetentionSettings.from_environment({}).results is None
