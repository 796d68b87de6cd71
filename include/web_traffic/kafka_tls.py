"""What is wrong with a broker's certificate: librdkafka says only that it could not be verified."""

import socket
import ssl
from collections.abc import Mapping
from pathlib import Path

TIMEOUT_SECONDS = 5


def certificate_flaw(server: str, config: Mapping[str, str]) -> str | None:
    """Return why the certificate of `host:port` is not trusted, in the words of OpenSSL; None if that does not show.

    Asks the broker again, with the certificate authority and the rule for host names of librdkafka's properties.
    """
    host, _, port = server.rpartition(":")
    place = config.get("ssl.ca.location")
    is_folder = place is not None and Path(place).is_dir()
    try:
        context = ssl.create_default_context(
            cafile=None if is_folder else place,
            capath=place if is_folder else None,
            cadata=config.get("ssl.ca.pem"),
        )
        context.check_hostname = config.get("ssl.endpoint.identification.algorithm") != "none"
        host = host.strip("[]")
        with (
            socket.create_connection((host, int(port)), TIMEOUT_SECONDS) as connection,
            context.wrap_socket(connection, server_hostname=host),
        ):
            return None
    except ssl.SSLCertVerificationError as error:
        return error.verify_message.rstrip(".")
    except (OSError, ValueError):
        return None
