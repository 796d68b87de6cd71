"""One Kafka broker with a door for each way to log in: passwords, a token, a certificate, or nothing at all."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewTopic,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12

from local_stack.authority import Authority
from local_stack.environment import LOOPBACK, Ports
from tests import iam
from tests.faults.brokers import running_brokers
from tests.issuer import AUDIENCE, CLIENT_ID, CLIENT_SECRET, Issuer, running_issuer

USER, PASSWORD = "etl", 'with "quotes", a \\ and = signs'
QUOTED = PASSWORD.replace("\\", r"\\").replace('"', r"\"")
OAUTHBEARER = "org.apache.kafka.common.security.oauthbearer"
ALLOWED_URLS = "org.apache.kafka.sasl.oauthbearer.allowed.urls"
CLIENT = "CN=etl-with-certificate"
"""The principal that Kafka makes of the client's certificate."""
RIGHTS = (AclOperation.CREATE, AclOperation.DESCRIBE, AclOperation.READ, AclOperation.WRITE)
"""To make the topic, and to send to it, which the tests do; the runs themselves describe and read."""
DOORS = {
    **{"SCRAM": "SASL_SSL", "PASSWORD": "SASL_SSL", "TOKEN": "SASL_SSL", "TLS": "SSL", "ENCRYPTED": "SSL"},
    **{"IAM": "SASL_SSL", "MSK": "SASL_SSL", "UNENCRYPTED": "SASL_PLAINTEXT"},
}
"""The listeners that ask for TLS or a login, with their protocols."""

BY_IAM = {
    "sasl.enabled.mechanisms": "OAUTHBEARER",
    "oauthbearer.sasl.jaas.config": f"{OAUTHBEARER}.OAuthBearerLoginModule required;",
    "oauthbearer.sasl.server.callback.handler.class": "Validator",
    "oauthbearer.connections.max.reauth.ms": 3_600_000,
}
"""Of a listener that takes tokens of IAM. A session ends when its token expires, if not earlier."""
MSK_NAME = f"b-1.demo.abcde1.c2.kafka.{iam.REGION}.amazonaws.com"
"""Under this name the door `MSK` sends its clients on. It resolves only where a test says so."""
LOGINS = {
    "sasl.enabled.mechanisms": "SCRAM-SHA-512",
    "listener.name.scram.scram-sha-512.sasl.jaas.config": (
        "org.apache.kafka.common.security.scram.ScramLoginModule required;"
    ),
    "listener.name.unencrypted.scram-sha-512.sasl.jaas.config": (
        "org.apache.kafka.common.security.scram.ScramLoginModule required;"
    ),
    "listener.name.password.sasl.enabled.mechanisms": "PLAIN",
    "listener.name.password.plain.sasl.jaas.config": (
        f'org.apache.kafka.common.security.plain.PlainLoginModule required user_{USER}="{QUOTED}";'
    ),
    "listener.name.token.sasl.enabled.mechanisms": "OAUTHBEARER",
    "listener.name.token.oauthbearer.sasl.jaas.config": f"{OAUTHBEARER}.OAuthBearerLoginModule required;",
    "listener.name.token.oauthbearer.sasl.server.callback.handler.class": (
        f"{OAUTHBEARER}.OAuthBearerValidatorCallbackHandler"
    ),
    **{f"listener.name.{name}.{key}": value for name in ("iam", "msk") for key, value in BY_IAM.items()},
    "sasl.oauthbearer.expected.audience": AUDIENCE,
    "sasl.oauthbearer.jwt.validator.class": f"{OAUTHBEARER}.BrokerJwtValidator",
    "listener.name.tls.ssl.client.auth": "required",
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": "User:ANONYMOUS",
}


class Door(NamedTuple):
    """A listener, and who comes in there with which properties."""

    principal: str
    url: str
    login: dict[str, str]


@dataclass(frozen=True)
class SecuredBroker:
    """Where the doors are, and what opens them."""

    open_url: str
    """Whoever comes in here may do anything."""
    urls: Mapping[str, str]
    """The addresses of `DOORS`."""
    issuer: Issuer
    authority: Path
    stranger: Path
    """A certificate authority that has signed nothing here."""
    certificate: Path
    key: Path
    admin: AdminClient

    @property
    def scram_url(self) -> str:
        return self.urls["SCRAM"]

    @property
    def tls_url(self) -> str:
        return self.urls["TLS"]

    @property
    def token_url(self) -> str:
        return self.urls["TOKEN"]

    @property
    def doors(self) -> dict[str, Door]:
        """Each way to come in."""
        encrypted = {"security.protocol": "SSL", "ssl.ca.location": str(self.authority)}
        plain = self.scram | {"sasl.mechanism": "PLAIN"}
        return {
            "open": Door("ANONYMOUS", self.open_url, {}),
            "encrypted": Door("ANONYMOUS", self.urls["ENCRYPTED"], encrypted),
            "by_scram": Door(USER, self.scram_url, self.scram),
            "by_password": Door(USER, self.urls["PASSWORD"], plain),
            "by_certificate": Door(CLIENT, self.tls_url, self.mutual_tls),
            "by_keystore": Door(CLIENT, self.tls_url, self.keystore),
            "by_token": Door(CLIENT_ID, self.token_url, self.oidc),
            "by_iam": Door(iam.KEY, self.urls["IAM"], self.iam),
        }

    @property
    def scram(self) -> dict[str, str]:
        return {
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": USER,
            "sasl.password": PASSWORD,
            "ssl.ca.location": str(self.authority),
        }

    @property
    def mutual_tls(self) -> dict[str, str]:
        return {
            "security.protocol": "SSL",
            "ssl.ca.location": str(self.authority),
            "ssl.certificate.location": str(self.certificate),
            "ssl.key.location": str(self.key),
        }

    @property
    def oidc(self) -> dict[str, str]:
        return {
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "OAUTHBEARER",
            "sasl.oauthbearer.method": "oidc",
            "sasl.oauthbearer.token.endpoint.url": f"{self.issuer.url}/token",
            "sasl.oauthbearer.client.id": CLIENT_ID,
            "sasl.oauthbearer.client.secret": CLIENT_SECRET,
            "sasl.oauthbearer.scope": "kafka",
            "ssl.ca.location": str(self.authority),
        }

    @property
    def iam(self) -> dict[str, str]:
        return {
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "OAUTHBEARER",
            "sasl.oauthbearer.config": f"awsRegion={iam.REGION}",
            "ssl.ca.location": str(self.authority),
        }

    @property
    def keystore(self) -> dict[str, str]:
        """The same certificate and key in one file with a password, as PKCS#12."""
        file = self.certificate.with_suffix(".p12")
        certificate = x509.load_pem_x509_certificate(self.certificate.read_bytes())
        key = serialization.load_pem_private_key(self.key.read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        encryption = serialization.BestAvailableEncryption(PASSWORD.encode())
        file.write_bytes(pkcs12.serialize_key_and_certificates(b"etl", key, certificate, None, encryption))
        return {
            "security.protocol": "SSL",
            "ssl.ca.location": str(self.authority),
            "ssl.keystore.location": str(file),
            "ssl.keystore.password": PASSWORD,
        }

    def allow(
        self, principal: str, name: str, *operations: AclOperation, kind: ResourceType = ResourceType.TOPIC
    ) -> None:
        """Give a user or the owner of a certificate rights, to a topic if not said otherwise."""
        for operation in operations:
            acl = AclBinding(
                *(kind, name, ResourcePatternType.LITERAL),
                *(f"User:{principal}", "*", operation, AclPermissionType.ALLOW),
            )
            self.admin.create_acls([acl])[acl].result(20)

    def admit(self, principal: str, name: str) -> None:
        """Give the rights that a pipeline needs which makes its topic, sends to it and redrives."""
        self.allow(principal, name, *RIGHTS)
        redrive = f"web_traffic_redrive.{name}.{name}"
        self.allow(principal, redrive, AclOperation.DESCRIBE, AclOperation.WRITE, kind=ResourceType.TRANSACTIONAL_ID)

    def make_topic(self, name: str) -> None:
        self.admin.create_topics([NewTopic(name, 1, 1)])[name].result(20)


@contextmanager
def secured_broker(folder: Path, jars: str = "kafka") -> Iterator[SecuredBroker]:
    """Run the broker of these jars; its certificate is for `localhost` alone, not for the address 127.0.0.1."""
    authority = Authority(folder / "ca", "ours")
    certificate, key = authority.sign("broker", "localhost", MSK_NAME)
    keystore = folder / "ca" / "keystore.pem"
    keystore.write_text(key.read_text() + certificate.read_text())
    ports, *more = (Ports.free() for _ in range(3))
    free = (getattr(some, name) for some in more for name in some.__slots__)
    doors = dict(zip(DOORS, free, strict=False))
    settings = _listeners(ports, doors) | {
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": keystore,
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": authority.file,
        **LOGINS,
    }
    with ExitStack() as running, pytest.MonkeyPatch.context() as patch:
        issuer = running.enter_context(running_issuer())
        patch.setenv("JAVA_TOOL_OPTIONS", f"-D{ALLOWED_URLS}={issuer.url}/keys")
        for name, value in iam.OF_BROKER.items():
            patch.setenv(name, value)
        settings["sasl.oauthbearer.jwks.endpoint.url"] = f"{issuer.url}/keys"
        settings["sasl.oauthbearer.expected.issuer"] = issuer.url
        classes = iam.compiled("Validator", folder / "classes", jars)
        brokers = running_brokers(folder / "kafka", 1, port=ports.kafka, others=settings, jars=jars, classes=classes)
        cluster = running.enter_context(brokers)
        patch.undo()
        admin = AdminClient({"bootstrap.servers": cluster.url, "log_level": 0})
        info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
        user = UserScramCredentialUpsertion(USER, info, PASSWORD.encode())
        admin.alter_user_scram_credentials([user])[USER].result(20)
        yield SecuredBroker(
            cluster.url,
            {name: f"localhost:{port}" for name, port in doors.items()},
            issuer,
            authority.file,
            Authority(folder / "stranger", "stranger").file,
            *authority.sign("etl-with-certificate"),
            admin,
        )


def _listeners(ports: Ports, doors: Mapping[str, int]) -> dict[str, object]:
    local = {"PLAINTEXT": ports.kafka, **doors, "CONTROLLER": ports.kafka_controller}
    names = {"PLAINTEXT": f"{LOOPBACK}:{ports.kafka}"} | {name: f"localhost:{port}" for name, port in doors.items()}
    names["MSK"] = f"{MSK_NAME}:{doors['MSK']}"
    protocols = {"PLAINTEXT": "PLAINTEXT", **DOORS, "CONTROLLER": "PLAINTEXT"}
    return {
        "listeners": ",".join(f"{name}://{LOOPBACK}:{port}" for name, port in local.items()),
        "advertised.listeners": ",".join(f"{name}://{address}" for name, address in names.items()),
        "listener.security.protocol.map": ",".join(f"{name}:{protocol}" for name, protocol in protocols.items()),
        "controller.quorum.voters": f"1@{LOOPBACK}:{ports.kafka_controller}",
    }
