"""`KAFKA_CONFIG` is JSON, or the path of a file; what can't be read is refused, and nothing of it is shown."""

from pathlib import Path

import pytest

from web_traffic.errors import SettingsError
from web_traffic.kafka_config import as_environment, kafka_of, parse
from web_traffic.settings import Settings

LOGIN = {
    "security.protocol": "SASL_SSL",
    "sasl.mechanism": "PLAIN",
    "sasl.username": "etl",
    "sasl.password": "hidden=1 # 'x'",
}


def test_a_configuration_comes_as_json_and_goes_on_as_json() -> None:
    assert parse(as_environment(LOGIN)) == LOGIN
    assert parse(' {"log_level": 3, "socket.keepalive.enable": true} ') == {
        "log_level": "3",
        "socket.keepalive.enable": "true",
    }
    assert (parse(""), as_environment({})) == ({}, "")


def test_a_configuration_comes_from_a_properties_file(tmp_path: Path) -> None:
    file = tmp_path / "kafka.properties"
    lines = [f"{name} = {value}" for name, value in LOGIN.items()]
    file.write_text("\n".join(["# a comment", "", "! another", *lines]))
    assert kafka_of({"KAFKA_CONFIG": str(file)}) == ("localhost:9093", LOGIN)


@pytest.mark.parametrize(
    ("environment", "servers"),
    [
        ({}, "localhost:9093"),
        ({"KAFKA_URL": "a:1"}, "a:1"),
        ({"KAFKA_CONFIG": '{"bootstrap.servers": "b:2"}'}, "b:2"),
        ({"KAFKA_URL": "b:2", "KAFKA_CONFIG": '{"bootstrap.servers": "b:2"}'}, "b:2"),
    ],
)
def test_the_servers_are_those_of_the_url(environment: dict[str, str], servers: str) -> None:
    settings = Settings.from_environment(environment)
    assert (settings.kafka_url, dict(settings.kafka_config)) == (servers, {})


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        (
            {"KAFKA_URL": "a:1", "KAFKA_CONFIG": '{"bootstrap.servers": "b:2"}'},
            "KAFKA_CONFIG has other bootstrap.servers than KAFKA_URL",
        ),
        ({"KAFKA_CONFIG": '{"sasl.password": "hidden"'}, "KAFKA_CONFIG is no JSON: "),
        ({"KAFKA_CONFIG": '{"sasl.password": ["hidden"]}'}, "sasl.password must be a text, a number, true or false"),
        ({"KAFKA_CONFIG": '"hidden"'}, "KAFKA_CONFIG is no JSON object, and no file that can be read (No such file"),
        ({"KAFKA_CONFIG": '{"sasl.passwort": "hidden"}'}, "KAFKA_CONFIG: sasl.passwort is no property"),
    ],
)
def test_what_can_not_be_used_is_refused_and_not_shown(environment: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.from_environment(environment)
    assert said in str(refused.value)
    assert "hidden" not in str(refused.value)


def test_a_line_that_is_no_property_is_named_by_its_number(tmp_path: Path) -> None:
    file = tmp_path / "kafka.properties"
    file.write_text("log_level=3\nhidden\n")
    with pytest.raises(SettingsError, match=r"line 2 of the file is not name=value$"):
        parse(str(file))


@pytest.mark.parametrize(
    ("servers", "region"),
    [
        ("b-1.demo.abcde1.c2.kafka.us-east-1.amazonaws.com:9098", "us-east-1"),
        ("boot-abcde1.c2.kafka-serverless.eu-west-3.amazonaws.com:9098", "eu-west-3"),
        ("b-2.demo.abcde1.c3.KAFKA.cn-north-1.amazonaws.com.cn:9098,b-1.demo:9098", "cn-north-1"),
    ],
)
def test_the_names_of_amazon_s_brokers_ask_for_tokens_of_iam(servers: str, region: str) -> None:
    login = {"security.protocol": "SASL_SSL", "sasl.mechanism": "OAUTHBEARER"}
    _, config = kafka_of({"KAFKA_URL": servers, "KAFKA_CONFIG": as_environment(login)})
    assert config == login | {"sasl.oauthbearer.config": f"awsRegion={region}"}
    own = login | {"sasl.oauthbearer.config": "awsRegion=eu-north-1"}
    assert kafka_of({"KAFKA_URL": servers, "KAFKA_CONFIG": as_environment(own)}) == (servers, own)
    with pytest.raises(SettingsError, match="or a broker of Amazon MSK"):
        kafka_of({"KAFKA_URL": "b-1.example:9098", "KAFKA_CONFIG": as_environment(login)})


def test_the_settings_do_not_show_the_login() -> None:
    settings = Settings.from_environment({"KAFKA_CONFIG": as_environment(LOGIN)})
    assert settings.kafka_config == LOGIN
    assert "hidden" not in repr(settings)
    assert "etl" not in repr(settings)
