"""Kafka's properties in the spelling of librdkafka, and the same for the Java client of Spark's source: one table.

The driver, Airflow's tasks and the commands use librdkafka; Spark's source uses the Java client. A person writes a
property once, as librdkafka spells it. What has no entry here is refused by `require_known`; nothing is left out.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path

from web_traffic import kafka_iam
from web_traffic.errors import SettingsError
from web_traffic.kafka_iam import IAM

Properties = Mapping[str, str]
PROTOCOLS = {"PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"}
LOGIN_MODULES = {
    "PLAIN": "org.apache.kafka.common.security.plain.PlainLoginModule",
    "SCRAM-SHA-256": "org.apache.kafka.common.security.scram.ScramLoginModule",
    "SCRAM-SHA-512": "org.apache.kafka.common.security.scram.ScramLoginModule",
    "OAUTHBEARER": "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule",
}
OIDC_HANDLER = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginCallbackHandler"

TWINS = {
    "client.dns.lookup": "client.dns.lookup",
    "client.id": "client.id",
    "client.rack": "client.rack",
    "connections.max.idle.ms": "connections.max.idle.ms",
    "enable.metrics.push": "enable.metrics.push",
    "group.id": "group.id",
    "metadata.max.age.ms": "metadata.max.age.ms",
    "metadata.recovery.strategy": "metadata.recovery.strategy",
    "reconnect.backoff.max.ms": "reconnect.backoff.max.ms",
    "reconnect.backoff.ms": "reconnect.backoff.ms",
    "retry.backoff.max.ms": "retry.backoff.max.ms",
    "retry.backoff.ms": "retry.backoff.ms",
    "sasl.mechanism": "sasl.mechanism",
    "sasl.mechanisms": "sasl.mechanism",
    "sasl.oauthbearer.token.endpoint.url": "sasl.oauthbearer.token.endpoint.url",
    "security.protocol": "security.protocol",
    "socket.connection.setup.timeout.ms": "socket.connection.setup.timeout.ms",
    "socket.send.buffer.bytes": "send.buffer.bytes",
    "ssl.endpoint.identification.algorithm": "ssl.endpoint.identification.algorithm",
    "ssl.key.password": "ssl.key.password",
    "ssl.keystore.location": "ssl.keystore.location",
    "ssl.keystore.password": "ssl.keystore.password",
}
"""librdkafka's name, and Java's for the same meaning; a value is the same too, unless it is in `VALUES`."""
VALUES = {
    ("connections.max.idle.ms", "0"): "-1",
    ("ssl.endpoint.identification.algorithm", "none"): "",
}
COMBINED = {
    *("sasl.username", "sasl.password", "sasl.oauthbearer.method", "sasl.oauthbearer.client.id"),
    *("sasl.oauthbearer.client.secret", "sasl.oauthbearer.scope", "sasl.oauthbearer.extensions"),
    "sasl.oauthbearer.config",
    *("https.ca.location", "https.ca.pem", "ssl.ca.location", "ssl.ca.pem", "ssl.certificate.location"),
    *("ssl.certificate.pem", "ssl.key.location", "ssl.key.pem", "enable.ssl.certificate.verification"),
}
"""What functions of this module make something of, or what has only one value that Java can follow."""
LOCAL = {
    *("allow.auto.create.topics", "api.version.fallback.ms", "api.version.request", "api.version.request.timeout.ms"),
    *("broker.address.family", "broker.address.ttl", "broker.version.fallback", "debug", "enable.sparse.connections"),
    *("enable.random.seed", "internal.termination.signal", "log.connection.close", "log.thread.name", "log_level"),
    *("max.in.flight", "max.in.flight.requests.per.connection", "receive.message.max.bytes"),
    *("reconnect.backoff.jitter.ms", "socket.blocking.max.ms", "socket.keepalive.enable", "socket.max.fails"),
    *("socket.nagle.disable", "socket.timeout.ms", "statistics.interval.ms", "topic.metadata.refresh.fast.cnt"),
    *("topic.metadata.propagation.max.ms", "topic.metadata.refresh.fast.interval.ms"),
    *("topic.metadata.refresh.interval.ms", "topic.metadata.refresh.sparse"),
}
"""How librdkafka itself behaves, in its sockets and its log. Spark's client needs no such thing, and works without."""
OURS = {
    *("acks", "auto.commit.enable", "auto.commit.interval.ms", "auto.offset.reset", "batch.num.messages"),
    *("batch.size", "check.crcs", "compression.codec", "compression.level", "compression.type"),
    *("consume.callback.max.messages", "coordinator.query.interval.ms", "delivery.report.only.error"),
    *("delivery.timeout.ms", "enable.auto.commit", "enable.auto.offset.store", "enable.gapless.guarantee"),
    *("enable.idempotence", "enable.partition.eof", "fetch.error.backoff.ms", "fetch.max.bytes"),
    *("fetch.message.max.bytes", "fetch.min.bytes", "fetch.queue.backoff.ms", "fetch.wait.max.ms"),
    *("group.instance.id", "group.protocol", "group.protocol.type", "group.remote.assignor"),
    *("heartbeat.interval.ms", "isolation.level", "linger.ms", "max.partition.fetch.bytes", "max.poll.interval.ms"),
    *("max.poll.records", "message.copy.max.bytes", "message.max.bytes", "message.send.max.retries"),
    *("message.timeout.ms", "metadata.request.timeout.ms", "offset.store.method", "offset.store.path"),
    *("offset.store.sync.interval.ms", "partition.assignment.strategy", "partitioner", "produce.offset.report"),
    *("queue.buffering.backpressure.threshold", "queue.buffering.max.kbytes", "queue.buffering.max.messages"),
    *("queue.buffering.max.ms", "queued.max.messages.kbytes", "queued.min.messages", "queuing.strategy"),
    *("request.required.acks", "request.timeout.ms", "retries", "session.timeout.ms"),
    *("share.acknowledgement.mode", "socket.receive.buffer.bytes", "sticky.partitioning.linger.ms"),
    *("transaction.timeout.ms", "transactional.id"),
}
"""How records are read and sent. The result depends on it, so the ETL decides it, for each client."""
NO_COUNTERPART = {
    *("enable.sasl.oauthbearer.unsecure.jwt", "metadata.recovery.rebootstrap.trigger.ms"),
    *("plugin.library.paths", "ssl.ca.certificate.stores", "ssl.cipher.suites"),
    *("ssl.crl.location", "ssl.curves.list", "ssl.engine.id", "ssl.engine.location", "ssl.providers"),
    *("ssl.sigalgs.list", "topic.blacklist"),
}
"""What librdkafka would heed and the Java client could not. Other names that begin as in `UNSERVED` are like it."""
UNSERVED = ("sasl.kerberos.", "sasl.oauthbearer.")
JAVA_SPELLINGS = {
    "fetch.max.wait.ms": "fetch.wait.max.ms",
    "receive.buffer.bytes": "socket.receive.buffer.bytes",
    "sasl.jaas.config": "sasl.username and sasl.password, or sasl.oauthbearer.client.id and .secret",
    "sasl.login.callback.handler.class": "sasl.oauthbearer.method=oidc",
    "send.buffer.bytes": "socket.send.buffer.bytes",
    "ssl.keystore.certificate.chain": "ssl.certificate.pem",
    "ssl.keystore.key": "ssl.key.pem",
    "ssl.keystore.type": "ssl.certificate.location and ssl.key.location for PEM, ssl.keystore.location for PKCS#12",
    "ssl.truststore.certificates": "ssl.ca.pem",
    "ssl.truststore.location": "ssl.ca.location, with a PEM file",
    "ssl.truststore.password": "ssl.ca.location, with a PEM file, which needs no password",
    "ssl.truststore.type": "ssl.ca.location, with a PEM file",
}
SECRETS = {
    *("sasl.password", "sasl.oauthbearer.client.secret", "ssl.key.password", "ssl.key.pem", "ssl.keystore.password")
}
KNOWN = {*TWINS, *COMBINED, *LOCAL}


def require_known(config: Properties, where: str) -> None:
    """Raise `SettingsError` for the first property that does not reach both clients; it names the right spelling."""
    for name in config:
        if name not in KNOWN:
            raise SettingsError(f"{where}: {_unusable(name)}")
    protocol = config.get("security.protocol", "PLAINTEXT").upper()
    if protocol not in PROTOCOLS:
        raise SettingsError(f"{where}: security.protocol must be one of {', '.join(sorted(PROTOCOLS))}")
    for prefixes, part in ((("sasl.", "https."), "SASL_"), (("ssl.", "enable.ssl."), "SSL")):
        idle = sorted(name for name in config if name.startswith(prefixes))
        if idle and part not in protocol:
            raise SettingsError(f"{where}: {', '.join(idle)} would have no effect with security.protocol={protocol}")
    if "SASL_" in protocol:
        _require_sasl(config, where)
    if config.get("enable.ssl.certificate.verification", "true") != "true":
        raise SettingsError(
            f"{where}: enable.ssl.certificate.verification=false has no counterpart in Spark's Kafka client: give the "
            "broker's certificate authority as ssl.ca.location"
        )


def _unusable(name: str) -> str:
    if right := JAVA_SPELLINGS.get(name):
        return f"{name} is a name of the Java client; librdkafka's is {right}"
    if name in NO_COUNTERPART:
        return f"{name} has no counterpart in Spark's Kafka client: leave it out"
    if name in OURS:
        return f"{name} is for the ETL to decide: leave it out"
    plain = name.removeprefix("kafka.")
    near = [plain] if plain in KNOWN else get_close_matches(name, KNOWN, 1, 0.85)
    if near and not name.startswith(UNSERVED):
        return f"{name} is no property of librdkafka: did you mean {near[0]}?"
    return f"{name} is no property of librdkafka, or has no counterpart in Spark's Kafka client: leave it out"


def _require_sasl(config: Properties, where: str) -> None:
    mechanism = _mechanism(config)
    if mechanism not in LOGIN_MODULES:
        raise SettingsError(f"{where}: sasl.mechanism must be one of {', '.join(LOGIN_MODULES)}")
    needed = ["sasl.username", "sasl.password"]
    oauth = "sasl.oauthbearer."
    if IAM in config:
        kafka_iam.require_usable(config, mechanism, where)
        return
    if mechanism == "OAUTHBEARER":
        if config.get(f"{oauth}method") != "oidc":
            raise SettingsError(
                f"{where}: OAUTHBEARER needs {oauth}method=oidc, or a broker of Amazon MSK, or {IAM}=awsRegion=… with "
                "its region; other ways are not served"
            )
        needed = [f"{oauth}client.id", f"{oauth}client.secret", f"{oauth}token.endpoint.url"]
    if missing := [name for name in needed if not config.get(name)]:
        raise SettingsError(f"{where}: {mechanism} needs {', '.join(missing)}")


def java_options(config: Properties) -> dict[str, str]:
    """Return the same for the Java client, under its own names; files are read, so that no executor needs them.

    Raises `SettingsError` for a file that can't be read, or a key in a form that Java does not take.
    """
    options = {TWINS[name]: VALUES.get((name, value), value) for name, value in config.items() if name in TWINS}
    if "security.protocol" in options:
        options["security.protocol"] = options["security.protocol"].upper()
    if authorities := _pem(config, "ssl.ca"):
        options |= {"ssl.truststore.type": "PEM", "ssl.truststore.certificates": authorities}
    if "ssl.keystore.location" in config:
        options["ssl.keystore.type"] = "PKCS12"
    if chain := _pem(config, "ssl.certificate"):
        options |= {"ssl.keystore.type": "PEM", "ssl.keystore.certificate.chain": chain}
    if key := _pem(config, "ssl.key"):
        options["ssl.keystore.key"] = _pkcs8(key)
    if mechanism := _mechanism(config):
        options["sasl.jaas.config"] = _jaas(LOGIN_MODULES[mechanism], _jaas_options(config, mechanism))
    if mechanism == "OAUTHBEARER":
        options["sasl.login.callback.handler.class"] = kafka_iam.HANDLER if IAM in config else OIDC_HANDLER
    return options


def _mechanism(config: Properties) -> str | None:
    return config.get("sasl.mechanisms", config.get("sasl.mechanism"))


def _jaas_options(config: Properties, mechanism: str) -> dict[str, str]:
    if mechanism != "OAUTHBEARER":
        return {"username": config["sasl.username"], "password": config["sasl.password"]}
    if IAM in config:
        return kafka_iam.jaas_options(config[IAM])
    prefix = "sasl.oauthbearer."
    names = {"clientId": "client.id", "clientSecret": "client.secret", "scope": "scope"}
    options = {name: config[prefix + twin] for name, twin in names.items() if prefix + twin in config}
    for extension in filter(None, config.get("sasl.oauthbearer.extensions", "").split(",")):
        name, _, value = extension.partition("=")
        options[f"extension_{name.strip()}"] = value.strip()
    if authorities := _pem(config, "https.ca"):
        options |= {"ssl.truststore.type": "PEM", "ssl.truststore.certificates": authorities}
    return options


def _jaas(module: str, options: Mapping[str, str]) -> str:
    r"""Return the line of JAAS; in its quotes `\` and `"` have a meaning, and a line must not end."""
    escapes = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n", "\r": r"\r"})
    quoted = {name: value.translate(escapes) for name, value in options.items()}
    return " ".join([module, "required", *(f'{name}="{value}"' for name, value in quoted.items())]) + ";"


def _pem(config: Properties, kind: str) -> str | None:
    """Return the text that is given as `….pem`, or stands in the file, or the files of the folder, of `….location`."""
    name = f"{kind}.location"
    if name not in config:
        return config.get(f"{kind}.pem")
    place = Path(config[name])
    try:
        files = sorted(file for file in place.iterdir() if file.is_file()) if place.is_dir() else [place]
        return "\n".join(file.read_text() for file in files)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not a PEM file"
        raise SettingsError(f"{name}={str(place)!r}: {reason}") from None


def _pkcs8(key: str) -> str:
    if "BEGIN PRIVATE KEY" in key or "BEGIN ENCRYPTED PRIVATE KEY" in key:
        return key
    raise SettingsError(
        "ssl.key.location or ssl.key.pem: Java takes a private key in the form PKCS#8 only, which begins with "
        "BEGIN PRIVATE KEY: convert it by openssl pkcs8 -topk8 -nocrypt"
    )
