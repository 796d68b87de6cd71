"""An OIDC issuer on loopback: it gives tokens to whoever has the secret, and shows the key that signs them."""

import json
import time
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from local_stack.environment import LOOPBACK

CLIENT_ID, CLIENT_SECRET = "etl-by-token", "hush-4711"
AUDIENCE = "kafka"
"""Whom the tokens are for. A broker from 4.4 on does not start unless it is told, and told who signs them."""


class Issuer(ThreadingHTTPServer):
    """Signs tokens that are valid for `lifetime` seconds; less than 0 makes expired ones."""

    def __init__(self) -> None:
        super().__init__((LOOPBACK, 0), _Answers)
        self.url = f"http://{LOOPBACK}:{self.server_port}"
        self.lifetime = 3600
        self._key = rsa.generate_private_key(65537, 2048)

    def keys(self) -> dict[str, object]:
        numbers = self._key.public_key().public_numbers()
        exponent, modulus = (
            _text(number.to_bytes((number.bit_length() + 7) // 8)) for number in (numbers.e, numbers.n)
        )
        return {"keys": [{"kty": "RSA", "kid": "1", "use": "sig", "alg": "RS256", "e": exponent, "n": modulus}]}

    def token(self) -> dict[str, object]:
        now = int(time.time())
        times = {"iat": now - 60, "exp": now + self.lifetime}
        claims = {"sub": CLIENT_ID, "iss": self.url, "aud": AUDIENCE, "scope": "kafka", **times}
        parts = ({"alg": "RS256", "kid": "1", "typ": "JWT"}, claims)
        signed = ".".join(_text(json.dumps(part).encode()) for part in parts)
        signature = self._key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return {"access_token": f"{signed}.{_text(signature)}", "token_type": "Bearer", "expires_in": 3600}


class _Answers(BaseHTTPRequestHandler):
    server: Issuer

    def do_GET(self) -> None:
        self._answer(200, self.server.keys())

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        login = b64decode(self.headers.get("Authorization", "Basic ").removeprefix("Basic ")).decode()
        if login == f"{CLIENT_ID}:{CLIENT_SECRET}":
            self._answer(200, self.server.token())
        else:
            self._answer(401, {"error": "invalid_client"})

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _answer(self, code: int, body: dict[str, object]) -> None:
        content = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def running_issuer() -> Iterator[Issuer]:
    with Issuer() as issuer:
        Thread(target=issuer.serve_forever, daemon=True).start()
        yield issuer
        issuer.shutdown()


def _text(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()
