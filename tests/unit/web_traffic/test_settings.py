"""Settings: what the environment may hold, and what is said when it does not."""

from datetime import timedelta
from pathlib import Path

import pytest

from web_traffic.settings import AlertSettings, Settings, SettingsError


def test_without_an_environment_the_documented_defaults_hold() -> None:
    settings = Settings.from_environment({})
    assert (settings.kafka_url, settings.kafka_topic) == ("localhost:9093", "web_traffic_topic")
    assert settings.starting_offsets == "earliest"
    assert settings.max_clock_skew.total_seconds() == 300


@pytest.mark.parametrize("url", ["jdbc:postgresql://db:5433/traffic", "postgresql://db:5433/traffic"])
def test_postgres_url_may_be_jdbc_or_not(url: str) -> None:
    assert Settings.from_environment({"POSTGRES_URL": url}).postgres_url == "postgresql://db:5433/traffic"


def test_checkpoint_location_may_be_a_file_uri() -> None:
    settings = Settings.from_environment({"CHECKPOINT_LOCATION": "file:///data/checkpoint"})
    assert settings.checkpoint_location == Path("/data/checkpoint")


def test_the_password_is_in_no_representation() -> None:
    assert "s3cret" not in repr(Settings.from_environment({"POSTGRES_PASSWORD": "s3cret"}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KAFKA_URL", "broker"),
        ("KAFKA_URL", "broker:9092,other"),
        ("KAFKA_TOPIC", "web traffic"),
        ("KAFKA_TOPIC", ""),
        ("POSTGRES_URL", "mysql://db/traffic"),
        ("POSTGRES_URL", "postgresql://db"),
        ("POSTGRES_URL", "postgresql://db/traffic?password=s3cret"),
        ("POSTGRES_URL", "postgresql://user:s3cret@db/traffic"),
        ("CHECKPOINT_LOCATION", "s3a://bucket/checkpoint"),
        ("STARTING_OFFSETS", "newest"),
        ("SHUFFLE_PARTITIONS", "0"),
        ("MAX_CLOCK_SKEW", "5m"),
    ],
)
def test_a_wrong_value_is_refused_by_the_name_of_its_variable(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name) as error:
        Settings.from_environment({name: value})
    assert "s3cret" not in str(error.value)


def test_alerts_go_nowhere_unless_they_are_told_where() -> None:
    settings = AlertSettings.from_environment({})
    assert (settings.smtp_url, settings.recipients, settings.urls, settings.airflow_url) == (None, (), (), None)
    assert settings.run_deadline == timedelta(minutes=20)


def test_an_alert_setting_that_makes_no_sense_is_named_without_its_value() -> None:
    with pytest.raises(SettingsError, match=r"^ALERT_SMTP_URL must look like smtp://host:port") as error:
        AlertSettings.from_environment({"ALERT_SMTP_URL": "mail:swordfish"})
    assert "swordfish" not in str(error.value)
