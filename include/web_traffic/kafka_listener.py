"""Which protocol a listener of Kafka speaks. A client with another one hears only that the connection was closed."""

import socket
import ssl
import struct
from contextlib import suppress

TIMEOUT_SECONDS = 2
SASL_HANDSHAKE, VERSION, CORRELATION, ILLEGAL_SASL_STATE = 17, 1, 4711, 34
UNENCRYPTED = {False: frozenset({"PLAINTEXT"}), True: frozenset({"SASL_PLAINTEXT"})}
ENCRYPTED = {
    False: frozenset({"SSL"}),
    True: frozenset({"SASL_SSL"}),
    None: frozenset({"SSL", "SASL_SSL"}),
}
"""By whether the listener asks for a login. It does not say so to a client without the certificate that it wants."""


def protocols_of(server: str) -> frozenset[str]:
    """Return the values of `security.protocol` that may fit the listener at `host:port`; none if it does not answer.

    It asks for the start of a login, without TLS and then with it. A listener without logins refuses that in a way of
    its own.
    """
    host, _, port = server.rpartition(":")
    address = (host.strip("[]"), int(port))
    with suppress(OSError):
        with socket.create_connection(address, TIMEOUT_SECONDS) as connection:
            asks_for_login = _asks_for_login(connection)
        if asks_for_login is not None:
            return UNENCRYPTED[asks_for_login]
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # nothing secret is said or believed
        with (
            socket.create_connection(address, TIMEOUT_SECONDS) as connection,
            context.wrap_socket(connection, server_hostname=address[0]) as encrypted,
        ):
            return ENCRYPTED[_asks_for_login(encrypted)]
    return frozenset()


def _asks_for_login(connection: socket.socket) -> bool | None:
    """Send Kafka's request SaslHandshake; None if no answer of Kafka's comes."""
    mechanism, client = (struct.pack(">h", len(text)) + text for text in (b"PLAIN", b"web_traffic"))
    request = struct.pack(">hhi", SASL_HANDSHAKE, VERSION, CORRELATION) + client + mechanism
    try:
        connection.sendall(struct.pack(">i", len(request)) + request)
        answer = b""
        while len(answer) < 10 and (more := connection.recv(10 - len(answer))):
            answer += more
        _, correlation, error = struct.unpack(">iih", answer)
    except (OSError, struct.error):
        return None
    return error != ILLEGAL_SASL_STATE if correlation == CORRELATION else None
