"""A gate before PostgreSQL that asks for the password and looks at it, as Amazon's and Azure's servers do for tokens.

Behind the gate PostgreSQL trusts whoever asks for the one database; other databases keep their passwords.
"""

import hashlib
import hmac
import json
import select
import socket
import struct
import time
from calendar import timegm
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

from local_stack import Stack
from local_stack.environment import LOOPBACK
from local_stack.postgres import _connect, data_folder

SSL, GSS, CANCEL = 80877103, 80877104, 80877102
CLEARTEXT = b"R" + struct.pack(">ii", 8, 3)
Check = Callable[[str, str], str | None]
"""Returns what is wrong with a user's token."""


class Gate(ThreadingTCPServer):
    """Lets in who has a good token, and remembers the tokens."""

    daemon_threads = True

    def __init__(self, server_port: int, check: Check) -> None:
        super().__init__((LOOPBACK, 0), _Visit)
        self.port: int = self.server_address[1]
        self.server_port = server_port
        self.check = check
        self.tokens: list[str] = []


class _Visit(BaseRequestHandler):
    server: Gate

    def handle(self) -> None:
        with suppress(ConnectionError):  # the client has gone
            self._let_in()

    def _let_in(self) -> None:
        code = SSL
        while code in (SSL, GSS):
            length, code = struct.unpack(">ii", self._read(8))
            rest = self._read(length - 8)
            if code in (SSL, GSS):
                self.request.sendall(b"N")
        if code != CANCEL and (flaw := self._flaw(rest)):
            fields = b"SFATAL\0C28000\0M" + flaw.encode() + b"\0\0"
            self.request.sendall(b"E" + struct.pack(">i", len(fields) + 4) + fields)
            return
        with socket.create_connection((LOOPBACK, self.server.server_port)) as postgres:
            postgres.sendall(struct.pack(">ii", length, code) + rest)
            ends = {self.request: postgres, postgres: self.request}
            while True:
                for end in select.select(list(ends), [], [])[0]:
                    if not (content := end.recv(65536)):
                        return
                    ends[end].sendall(content)

    def _flaw(self, startup: bytes) -> str | None:
        texts = startup.decode().split("\0")
        user = dict(zip(texts[::2], texts[1::2], strict=False))["user"]
        self.request.sendall(CLEARTEXT)
        _, length = struct.unpack(">ci", self._read(5))
        token = self._read(length - 4)[:-1].decode()
        self.server.tokens.append(token)
        flaw = self.server.check(user, token)
        return f'PAM authentication failed for user "{user}": {flaw}' if flaw else None

    def _read(self, count: int) -> bytes:
        content = b""
        while len(content) < count:
            if not (more := self.request.recv(count - len(content))):
                raise ConnectionError
            content += more
        return content


@contextmanager
def token_gate(stack: Stack, database: str, check: Check) -> Iterator[Gate]:
    """Run a gate before one database of a stack."""
    rules = data_folder(stack) / "pg_hba.conf"
    before = rules.read_text()
    with Gate(stack.ports.postgres, check) as gate:
        Thread(target=gate.serve_forever, daemon=True).start()
        try:
            rules.write_text(f"host {database} all {LOOPBACK}/32 trust\n{before}")
            _reload(stack)
            yield gate
        finally:
            rules.write_text(before)
            _reload(stack)
            gate.shutdown()


def _reload(stack: Stack) -> None:
    with closing(_connect(stack, "postgres")) as connection:
        connection.execute("SELECT pg_reload_conf()")


def flaw_of_rds_token(token: str, user: str, address: str, key: str, secret: str, region: str) -> str | None:
    """Return what is wrong with a token of RDS; by the documents of AWS, and without its software."""
    url = urlsplit(f"https://{token}")
    given = {name: values[0] for name, values in parse_qs(url.query).items()}
    day = given["X-Amz-Date"][:8]
    scope = f"{day}/{region}/rds-db/aws4_request"
    wanted = {"Action": "connect", "DBUser": user, "X-Amz-Credential": f"{key}/{scope}"}
    if url.netloc != address or any(given.get(name) != value for name, value in wanted.items()):
        return f"the token is for {given.get('DBUser')} at {url.netloc}, by {given.get('X-Amz-Credential')}"
    query = "&".join(sorted(part for part in url.query.split("&") if not part.startswith("X-Amz-Signature=")))
    empty = hashlib.sha256().hexdigest()
    request = f"GET\n/\n{query}\nhost:{address}\n\nhost\n{empty}"
    text = f"AWS4-HMAC-SHA256\n{given['X-Amz-Date']}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    signing = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        signing = hmac.digest(signing, part.encode(), "sha256")
    if hmac.digest(signing, text.encode(), "sha256").hex() != given["X-Amz-Signature"]:
        return "the signature is wrong"
    return None


def age_of_rds_token(token: str) -> float:
    """Return for how many seconds it exists."""
    signed = parse_qs(urlsplit(f"https://{token}").query)["X-Amz-Date"][0]
    return time.time() - timegm(time.strptime(signed, "%Y%m%dT%H%M%SZ"))


class Identities(ThreadingHTTPServer):
    """Hands out tokens as Azure does to its machines; each of them is good once, and for a few seconds."""

    def __init__(self, secret: str) -> None:
        super().__init__((LOOPBACK, 0), _Tokens)
        self.secret = secret
        self.lifetime = 5
        self.valid: dict[str, float] = {}
        self.environment = {
            "IDENTITY_ENDPOINT": f"http://{LOOPBACK}:{self.server_port}/token",
            "IDENTITY_HEADER": secret,
        }
        """Where a process finds it."""


class _Tokens(BaseHTTPRequestHandler):
    server: Identities

    def do_GET(self) -> None:
        is_known = self.headers.get("X-IDENTITY-HEADER") == self.server.secret
        token, expires_at = f"token-{len(self.server.valid)}", time.time() + self.server.lifetime
        if is_known:
            self.server.valid[token] = expires_at
        answer = {
            "access_token": token,
            "expires_on": str(int(expires_at)),
            "token_type": "Bearer",
        }
        content = json.dumps(answer if is_known else {"error": "unauthorized"}).encode()
        self.send_response(200 if is_known else 401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""
