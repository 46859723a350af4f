"""How a policy server is named: `grpc://HOST:PORT` in place of weights."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from gato_ros.core.errors import SetupError

REMOTE = "grpc://"
"""What the name of a policy on a server begins with."""
LARGEST_PORT = 65535


@dataclass(frozen=True)
class Address:
    """Where a server listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def only_here(self) -> bool:
        """Whether other machines cannot reach it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def is_remote(policy: str) -> bool:
    """Whether this name means a policy on a server."""
    return policy.startswith(REMOTE)


def parse_address(text: str, name: str = "policy", lowest_port: int = 1) -> Address:
    """`HOST:PORT`, with or without `grpc://` before it; SetupError for anything else.

    Args:
        name: of the option or parameter, for the message.
        lowest_port: 0 where a server may take any free one.
    """
    host, colon, port = text.removeprefix(REMOTE).rpartition(":")
    host = host.strip("[]")
    fits = colon and port.isascii() and port.isdecimal() and len(port) <= 5 and host and host.isprintable()
    if not fits or not lowest_port <= int(port) <= LARGEST_PORT or any(mark in host for mark in "/ @?#"):
        raise SetupError(expected=f"HOST:PORT for {name}", got=ascii(text)[:80], fix=f"e.g. {REMOTE}127.0.0.1:7412")
    return Address(host, int(port))
