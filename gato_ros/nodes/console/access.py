"""Who may reach the page: which addresses, hosts and origins, and the token. No server in here."""

from __future__ import annotations

import hmac
import ipaddress
import secrets
import socket
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from gato_ros.core.errors import SetupError

COOKIE = "gato_ros_console"
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}
"""On every answer, errors too."""
ENCLOSED = {
    **HEADERS,
    "Content-Security-Policy": "sandbox allow-scripts; default-src 'none'; img-src data:; media-src data:; "
    "style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'",
    "X-Frame-Options": "SAMEORIGIN",
}
"""On a page that was made of a file: it has everything in itself, and it is nobody here. The sandbox gives it an origin
of its own, so that whatever is in that file reaches neither the token, nor the socket, nor anything else."""


def is_loopback(address: str) -> bool:
    """Whether only this machine reaches the address."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def checked_address(address: str) -> str:
    """An IP address; `localhost` is 127.0.0.1.

    Raises:
        SetupError: it is none.
    """
    address = "127.0.0.1" if address == "localhost" else address
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        raise SetupError(
            expected="an IP address of this machine for console_node",
            got=repr(address),
            fix="e.g. 127.0.0.1 for this machine only, 0.0.0.0 for all networks",
        ) from None


@dataclass(frozen=True)
class Access:
    """The rules of one server. On loopback there is no token; on any other address there is one, and TLS."""

    address: str
    port: int
    token: str = field(default="", repr=False)

    @classmethod
    def of(cls, address: str, port: int) -> Access:
        """For a server on this address, with a new token where one is needed."""
        return cls(address, port, "" if is_loopback(address) else secrets.token_urlsafe(32))

    @property
    def secure(self) -> bool:
        """Whether it speaks TLS."""
        return not is_loopback(self.address)

    @property
    def scheme(self) -> str:
        return "https" if self.secure else "http"

    @property
    def url(self) -> str:
        """What a person opens; with the token, so it is for that person only."""
        address = self.address
        if ipaddress.ip_address(address).is_unspecified:
            address = socket.gethostname()
        host = f"[{address}]" if ":" in address else address
        return f"{self.scheme}://{host}:{self.port}/" + (f"?token={self.token}" if self.token else "")

    def host_refused(self, host: str | None) -> bool:
        """Whether a request's Host is another's: a page elsewhere whose name was made to point here has its own name.

        An address as digits cannot be made to point anywhere, so on a network every one is taken.
        """
        try:
            parts = urlsplit(f"//{host}")
            name, port = (parts.hostname or "").rstrip("."), parts.port
        except ValueError:
            return True
        if not host or "@" in host or parts.netloc != host or (port or (443 if self.secure else 80)) != self.port:
            return True
        if not self.secure:
            return name not in ("localhost", "127.0.0.1", "::1", self.address)
        if name in ("localhost", socket.gethostname().lower(), socket.getfqdn().lower()):
            return False
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return True
        return False

    def origin_refused(self, origin: str | None, host: str | None) -> bool:
        """Whether a socket is opened by a page that is not ours; browsers always say whose page it is."""
        return origin != f"{self.scheme}://{host}"

    def token_refused(self, given: str | None) -> bool:
        """Whether this is not the token."""
        return bool(self.token) and not hmac.compare_digest((given or "").encode(), self.token.encode())
