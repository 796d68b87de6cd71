"""Each property of librdkafka reaches both clients, or is refused by its name."""

import re
from pathlib import Path

import confluent_kafka
import pytest
from confluent_kafka import KafkaException, Producer

from local_stack.authority import Authority
from web_traffic.errors import SettingsError
from web_traffic.kafka_login import (
    COMBINED,
    JAVA_SPELLINGS,
    KNOWN,
    LOCAL,
    NO_COUNTERPART,
    OURS,
    TWINS,
    UNSERVED,
    java_options,
    require_known,
)

SCRAM = {
    "security.protocol": "SASL_SSL",
    "sasl.mechanism": "SCRAM-SHA-512",
    "sasl.username": "etl",
    "sasl.password": "secret",
}
OIDC = {
    "security.protocol": "sasl_ssl",
    "sasl.mechanisms": "OAUTHBEARER",
    "sasl.oauthbearer.method": "oidc",
    "sasl.oauthbearer.client.id": "etl",
    "sasl.oauthbearer.client.secret": "secret",
    "sasl.oauthbearer.token.endpoint.url": "https://login.example/token",
}
MSK_IAM = {
    "security.protocol": "SASL_SSL",
    "sasl.mechanism": "OAUTHBEARER",
    "sasl.oauthbearer.config": "awsRegion=eu-central-1",
}
NOBODY_SETS = {
    *("bootstrap.servers", "builtin.features", "client.software.name", "client.software.version"),
    *("default_topic_conf", "enabled_events", "interceptors", "log.queue", "msg_order_cmp", "opaque"),
}
KINDS = (*UNSERVED, "ssl_", "test.mock.", "enable_sasl")


def is_known_to_librdkafka(name: str) -> bool:
    try:
        Producer({name: "x", "no.such.property": ""})
    except KafkaException as error:
        said: str = error.args[0].str()
        return not ("No such configuration property" in said and f'"{name}"' in said)
    except (TypeError, ValueError):
        return True
    raise AssertionError(name)


def names_in_librdkafka() -> set[str]:
    """Return what may be a property's name among the texts of the library, and is one."""
    [library] = (Path(confluent_kafka.__file__).parents[1] / "confluent_kafka.libs").glob("librdkafka*")
    texts = re.findall(rb"(?<=\0)[a-z]+(?:[._][a-z0-9]+)+(?=\0)", library.read_bytes())
    return {name for name in {text.decode() for text in texts} if is_known_to_librdkafka(name)}


def test_the_table_decides_on_each_property_of_librdkafka() -> None:
    decided = {*KNOWN, *OURS, *JAVA_SPELLINGS, *NO_COUNTERPART, *NOBODY_SETS}
    found = {name for name in names_in_librdkafka() if not name.startswith(KINDS) and not name.endswith("_cb")}
    assert len(found) > 100
    assert sorted(found - decided) == []


@pytest.mark.parametrize(
    "name", sorted({*TWINS, *COMBINED, *LOCAL, *OURS} - {"request.timeout.ms", "max.poll.records"})
)
def test_the_table_has_no_name_that_librdkafka_does_not_know(name: str) -> None:
    assert is_known_to_librdkafka(name)


def test_each_property_has_one_place_in_the_table() -> None:
    parts = (set(TWINS), COMBINED, LOCAL, OURS, NO_COUNTERPART, set(JAVA_SPELLINGS))
    assert sum(map(len, parts)) == len(set().union(*parts))


@pytest.mark.parametrize(
    ("config", "options"),
    [
        ({}, {}),
        ({"client.id": "etl", "group.id": "etl", "log_level": "7"}, {"client.id": "etl", "group.id": "etl"}),
        ({"connections.max.idle.ms": "0"}, {"connections.max.idle.ms": "-1"}),
        (
            SCRAM | {"sasl.password": 'a "b" \\ c=d;\n'},
            {
                "security.protocol": "SASL_SSL",
                "sasl.mechanism": "SCRAM-SHA-512",
                "sasl.jaas.config": "org.apache.kafka.common.security.scram.ScramLoginModule required "
                'username="etl" password="a \\"b\\" \\\\ c=d;\\n";',
            },
        ),
        (
            {"security.protocol": "ssl", "ssl.ca.pem": "ca", "ssl.endpoint.identification.algorithm": "none"},
            {
                "security.protocol": "SSL",
                "ssl.truststore.type": "PEM",
                "ssl.truststore.certificates": "ca",
                "ssl.endpoint.identification.algorithm": "",
            },
        ),
        (
            {"security.protocol": "SSL", "ssl.keystore.location": "/a.p12", "ssl.keystore.password": "secret"},
            {
                "security.protocol": "SSL",
                "ssl.keystore.type": "PKCS12",
                "ssl.keystore.location": "/a.p12",
                "ssl.keystore.password": "secret",
            },
        ),
        (
            OIDC | {"sasl.oauthbearer.extensions": "logicalCluster=lkc-1,pool=p", "https.ca.pem": "ca"},
            {
                "security.protocol": "SASL_SSL",
                "sasl.mechanism": "OAUTHBEARER",
                "sasl.oauthbearer.token.endpoint.url": "https://login.example/token",
                "sasl.login.callback.handler.class": "org.apache.kafka.common.security.oauthbearer."
                "OAuthBearerLoginCallbackHandler",
                "sasl.jaas.config": "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required "
                'clientId="etl" clientSecret="secret" extension_logicalCluster="lkc-1" extension_pool="p" '
                'ssl.truststore.type="PEM" ssl.truststore.certificates="ca";',
            },
        ),
        (
            MSK_IAM,
            {
                "security.protocol": "SASL_SSL",
                "sasl.mechanism": "OAUTHBEARER",
                "sasl.login.callback.handler.class": "software.amazon.msk.auth.iam.IAMOAuthBearerLoginCallbackHandler",
                "sasl.jaas.config": "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required "
                'awsMskRegionProvider="software.amazon.msk.auth.iam.internals.region.CnameRegionProvider'
                '?host=kafka.eu-central-1.amazonaws.com";',
            },
        ),
    ],
)
def test_what_java_is_told(config: dict[str, str], options: dict[str, str]) -> None:
    require_known(config, "KAFKA_CONFIG")
    assert java_options(config) == options


def test_files_reach_java_as_texts_also_all_of_a_folder(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca", "one")
    certificate, key = authority.sign("client")
    folder = tmp_path / "authorities"
    folder.mkdir()
    for name in ("a.pem", "b.pem"):
        (folder / name).write_text(name)
    files = {"ssl.certificate.location": str(certificate), "ssl.key.location": str(key), "ssl.key.password": "secret"}
    options = java_options({"security.protocol": "SSL", "ssl.ca.location": str(folder)} | files)
    assert options["ssl.truststore.certificates"] == "a.pem\nb.pem"
    assert options["ssl.keystore.certificate.chain"] == certificate.read_text()
    assert (options["ssl.keystore.key"], options["ssl.key.password"]) == (key.read_text(), "secret")


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (
            {"sasl.jaas.config": "secret"},
            "sasl.jaas.config is a name of the Java client",
        ),
        (
            {"ssl.truststore.location": "/a"},
            "is a name of the Java client; librdkafka's is ssl.ca.location",
        ),
        (
            {"sasl.pasword": "secret"},
            "sasl.pasword is no property of librdkafka: did you mean sasl.password?",
        ),
        ({"kafka.client.id": "a"}, "did you mean client.id?"),
        ({"ssl.crl.location": "/a"}, "ssl.crl.location has no counterpart in Spark's Kafka client"),
        ({"ssl.cipher.suites": "a"}, "ssl.cipher.suites has no counterpart"),
        (
            {"sasl.kerberos.principal": "a"},
            "is no property of librdkafka, or has no counterpart",
        ),
        ({"auto.offset.reset": "latest"}, "auto.offset.reset is for the ETL to decide: leave it out"),
        ({"security.protocol": "TLS"}, "security.protocol must be one of PLAINTEXT, SASL_PLAINTEXT, SASL_SSL, SSL"),
        ({"sasl.username": "etl"}, "sasl.username would have no effect with security.protocol=PLAINTEXT"),
        ({"ssl.ca.location": "/a", "security.protocol": "plaintext"}, "ssl.ca.location would have no effect"),
        ({"security.protocol": "SASL_SSL"}, "sasl.mechanism must be one of PLAIN, SCRAM-SHA-256"),
        (SCRAM | {"sasl.mechanism": "GSSAPI"}, "sasl.mechanism must be one of"),
        (SCRAM | {"sasl.password": ""}, "SCRAM-SHA-512 needs sasl.password"),
        (OIDC | {"sasl.oauthbearer.method": "default"}, "OAUTHBEARER needs sasl.oauthbearer.method=oidc"),
        (MSK_IAM | {"sasl.oauthbearer.config": "hidden"}, "sasl.oauthbearer.config must be awsRegion= and the region"),
        (MSK_IAM | {"sasl.mechanism": "PLAIN"}, "sasl.oauthbearer.config needs sasl.mechanism=OAUTHBEARER"),
        (MSK_IAM | {"sasl.oauthbearer.scope": "a"}, "sasl.oauthbearer.scope would have no effect beside"),
        (SCRAM | {"enable.ssl.certificate.verification": "false"}, "enable.ssl.certificate.verification=false has no"),
    ],
)
def test_what_would_not_reach_both_clients_is_refused_by_name(config: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError) as refused:
        require_known(config, "KAFKA_CONFIG")
    assert str(refused.value).startswith("KAFKA_CONFIG: ")
    assert said in str(refused.value)
    assert "hidden" not in str(refused.value)


def test_a_key_that_java_does_not_take_and_a_file_that_is_not_there_are_named(tmp_path: Path) -> None:
    tls = {"security.protocol": "SSL"}
    with pytest.raises(SettingsError, match="PKCS#8 only"):
        java_options(tls | {"ssl.key.pem": "-----BEGIN RSA PRIVATE KEY-----"})
    with pytest.raises(SettingsError, match=r"ssl\.ca\.location='/nowhere': No such file"):
        java_options(tls | {"ssl.ca.location": "/nowhere"})
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="it is not a PEM file"):
        java_options(tls | {"ssl.ca.location": str(tmp_path / "binary")})
