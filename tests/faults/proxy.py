"""A TCP proxy on loopback whose connections can be spoilt in the ways of a real network."""

import socket
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

KEEPALIVE_SECONDS = 30
"""After so long a silence a host's keepalive finds out that its peer has forgotten the connection."""
RESET = struct.pack("ii", 1, 0)


@dataclass(eq=False)
class _Link:
    """A client's connection, and the one to the server that belongs to it."""

    client: socket.socket
    server: socket.socket
    is_forgotten: bool = False
    wants_cut: bool = False
    holds_batch: bool = False

    def reset(self) -> None:
        for end in (self.client, self.server):
            _reset(end)


@dataclass
class Proxy:
    """Hands on what it gets, but for the fault that was asked for."""

    upstream: int
    address: str = "127.0.0.1"
    latency_seconds: float = 0.0
    cuts: int = 0
    """How many answers were lost."""
    _links: list[_Link] = field(default_factory=list)
    _batches_until_cut: int = 0

    def __post_init__(self) -> None:
        self._listener = socket.create_server((self.address, 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Stop; all connections end."""
        _reset(self._listener)
        self.reset()

    def cut_commit(self, nth: int) -> None:
        """Let the nth batch from now be committed, and lose the answer."""
        self._batches_until_cut = nth

    def reset(self) -> None:
        """Reset all connections."""
        for link in self._links:
            link.reset()
        self._links.clear()

    def forget(self) -> None:
        """Let the servers forget their connections, without a word to the clients: half-open connections."""
        for link in self._links:
            link.is_forgotten = True
            _reset(link.server)
            threading.Timer(KEEPALIVE_SECONDS, _reset, [link.client]).start()
        self._links.clear()

    @contextmanager
    def black_hole(self) -> Iterator[None]:
        """Drop all packets to the proxy's address, in the kernel; needs root and an address that nobody else uses."""
        route = ("blackhole", f"{self.address}/32", "table", "local")
        subprocess.run(["ip", "route", "add", *route], check=True)
        try:
            yield
        finally:
            subprocess.run(["ip", "route", "del", *route], check=True)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                try:
                    link = _Link(client, socket.create_connection(("127.0.0.1", self.upstream)))
                except OSError:
                    _reset(client)
                    continue
                self._links.append(link)
                for pump in (self._up, self._down):
                    threading.Thread(target=pump, args=[link], daemon=True).start()

    def _up(self, link: _Link) -> None:
        with suppress(OSError):
            while data := link.client.recv(65536):
                if link.is_forgotten:
                    break
                time.sleep(self.latency_seconds)
                self._look_for_commit(link, data)
                link.server.sendall(data)
        _reset(link.client) if link.is_forgotten else link.reset()

    def _down(self, link: _Link) -> None:
        with suppress(OSError):
            while data := link.server.recv(65536):
                if link.wants_cut:
                    self.cuts += 1
                    break
                time.sleep(self.latency_seconds)
                link.client.sendall(data)
        if not link.is_forgotten:
            link.reset()

    def _look_for_commit(self, link: _Link, data: bytes) -> None:
        link.holds_batch |= b"INSERT INTO etl.batch" in data
        if link.holds_batch and b"COMMIT" in data:
            link.holds_batch = False
            self._batches_until_cut -= 1
            link.wants_cut = self._batches_until_cut == 0


def _reset(end: socket.socket) -> None:
    with suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        end.shutdown(socket.SHUT_RDWR)
    with suppress(OSError):
        end.close()
