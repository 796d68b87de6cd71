"""One Kafka broker with four doors: open, SASL_SSL with SCRAM, SASL_SSL with a token, SSL with a certificate."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

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
from tests.faults.brokers import running_brokers
from tests.issuer import CLIENT_ID, CLIENT_SECRET, Issuer, running_issuer

USER, PASSWORD = "etl", 'with "quotes", a \\ and = signs'
OAUTHBEARER = "org.apache.kafka.common.security.oauthbearer"
ALLOWED_URLS = "org.apache.kafka.sasl.oauthbearer.allowed.urls"
CLIENT = "CN=etl-with-certificate"
"""The principal that Kafka makes of the client's certificate."""


@dataclass(frozen=True)
class SecuredBroker:
    """Where the doors are, and what opens them."""

    open_url: str
    """Whoever comes in here may do anything."""
    scram_url: str
    tls_url: str
    token_url: str
    issuer: Issuer
    authority: Path
    stranger: Path
    """A certificate authority that has signed nothing here."""
    certificate: Path
    key: Path
    admin: AdminClient

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

    def make_topic(self, name: str) -> None:
        self.admin.create_topics([NewTopic(name, 1, 1)])[name].result(20)


@contextmanager
def secured_broker(folder: Path) -> Iterator[SecuredBroker]:
    """Run the broker; its certificate is for `localhost` alone, not for the address 127.0.0.1."""
    authority = Authority(folder / "ca", "ours")
    certificate, key = authority.sign("broker", "localhost")
    keystore = folder / "ca" / "keystore.pem"
    keystore.write_text(key.read_text() + certificate.read_text())
    ports, more = Ports.free(), Ports.free()
    scram_port, tls_port, token_port = more.kafka, more.kafka_controller, more.mail
    settings = _settings(ports, scram_port, tls_port, token_port) | {
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": keystore,
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": authority.file,
    }
    with ExitStack() as running, pytest.MonkeyPatch.context() as patch:
        issuer = running.enter_context(running_issuer())
        patch.setenv("JAVA_TOOL_OPTIONS", f"-D{ALLOWED_URLS}={issuer.url}/keys")
        settings["sasl.oauthbearer.jwks.endpoint.url"] = f"{issuer.url}/keys"
        cluster = running.enter_context(running_brokers(folder / "kafka", 1, port=ports.kafka, others=settings))
        patch.undo()
        admin = AdminClient({"bootstrap.servers": cluster.url, "log_level": 0})
        info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
        user = UserScramCredentialUpsertion(USER, info, PASSWORD.encode())
        admin.alter_user_scram_credentials([user])[USER].result(20)
        yield SecuredBroker(
            *(cluster.url, f"localhost:{scram_port}", f"localhost:{tls_port}", f"localhost:{token_port}"),
            issuer,
            authority.file,
            Authority(folder / "stranger", "stranger").file,
            *authority.sign("etl-with-certificate"),
            admin,
        )


def _settings(ports: Ports, scram_port: int, tls_port: int, token_port: int) -> dict[str, object]:
    return {
        "listeners": f"PLAINTEXT://{LOOPBACK}:{ports.kafka},SCRAM://{LOOPBACK}:{scram_port},"
        f"TLS://{LOOPBACK}:{tls_port},TOKEN://{LOOPBACK}:{token_port},CONTROLLER://{LOOPBACK}:{ports.kafka_controller}",
        "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{ports.kafka},SCRAM://localhost:{scram_port},"
        f"TLS://localhost:{tls_port},TOKEN://localhost:{token_port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,SCRAM:SASL_SSL,TLS:SSL,TOKEN:SASL_SSL,"
        "CONTROLLER:PLAINTEXT",
        "controller.quorum.voters": f"1@{LOOPBACK}:{ports.kafka_controller}",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.token.sasl.enabled.mechanisms": "OAUTHBEARER",
        "listener.name.token.oauthbearer.sasl.jaas.config": f"{OAUTHBEARER}.OAuthBearerLoginModule required;",
        "listener.name.token.oauthbearer.sasl.server.callback.handler.class": (
            f"{OAUTHBEARER}.OAuthBearerValidatorCallbackHandler"
        ),
        "sasl.oauthbearer.jwt.validator.class": f"{OAUTHBEARER}.BrokerJwtValidator",
        "listener.name.scram.scram-sha-512.sasl.jaas.config": (
            "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        ),
        "listener.name.tls.ssl.client.auth": "required",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
    }
