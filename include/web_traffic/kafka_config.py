"""Where Kafka is and how to log in, from `KAFKA_URL` and `KAFKA_CONFIG`; no error shows a value of the latter."""

import json
from collections.abc import Mapping
from pathlib import Path

from web_traffic.errors import SettingsError
from web_traffic.kafka_iam import with_iam
from web_traffic.kafka_login import Properties, require_known

VARIABLE = "KAFKA_CONFIG"
SERVERS = "bootstrap.servers"
DEFAULT_SERVERS = "localhost:9093"


def kafka_of(environ: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """Return the bootstrap servers, and the other properties of librdkafka; raises `SettingsError`."""
    config = parse(environ.get("KAFKA_CONFIG", ""))
    own_servers = config.pop(SERVERS, None)
    servers = environ.get("KAFKA_URL") or own_servers or DEFAULT_SERVERS
    if own_servers and own_servers != servers:
        raise SettingsError(f"{VARIABLE} has other bootstrap.servers than KAFKA_URL: leave them out of {VARIABLE}")
    config = with_iam(servers, config)
    require_known(config, VARIABLE)
    return _checked(servers), config


def parse(text: str) -> dict[str, str]:
    """Return the properties of a JSON object, or of the file at this path."""
    text = text.strip()
    if not text:
        return {}
    if not text.startswith("{"):
        return _from_file(text)
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise SettingsError(f"{VARIABLE} is no JSON: {error}") from None
    return as_properties(found, VARIABLE)


def as_properties(found: Mapping[str, object], where: str) -> dict[str, str]:
    """Return the values as texts, as librdkafka takes them; raises `SettingsError` for what is no text or number."""
    properties = {}
    for name, value in found.items():
        if not isinstance(value, str | int | float):
            raise SettingsError(f"{where}: {name} must be a text, a number, true or false")
        properties[name] = str(value).lower() if isinstance(value, bool) else str(value)
    return properties


def as_environment(config: Properties) -> str:
    """Return the properties as a value of `KAFKA_CONFIG`."""
    return json.dumps(dict(config)) if config else ""


def _from_file(path: str) -> dict[str, str]:
    try:
        lines = Path(path).read_text().splitlines()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text"
        raise SettingsError(f"{VARIABLE} is no JSON object, and no file that can be read ({reason})") from None
    properties = {}
    for number, line in enumerate(map(str.strip, lines), 1):
        if not line or line.startswith(("#", "!")):
            continue
        name, equals, value = line.partition("=")
        if not equals:
            raise SettingsError(f"{VARIABLE}: line {number} of the file is not name=value")
        properties[name.strip()] = value.strip()
    return properties


def _checked(servers: str) -> str:
    for server in servers.split(","):
        host, _, port = server.strip().rpartition(":")
        if not host or not port.isdecimal():
            raise SettingsError(f"KAFKA_URL={servers!r}: {server!r} is not host:port")
    return servers
