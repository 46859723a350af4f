"""Who may talk to whom: each side shows its certificate and accepts the other's alone. Standard library, Python 3.8.

A folder of keys is made by `python3 -m sawyer_agent.keys`.
"""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

AGENT, DRIVER = "agent", "driver"
OTHER = {AGENT: DRIVER, DRIVER: AGENT}
NO_CHECK_TIME = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME of OpenSSL. The certificate is trusted because it is this one; the clock of a robot without
a network may be years off."""
WAITS = (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError, InterruptedError)
"""What a socket that does not block raises where there is nothing to read, or no room to write."""


class KeysError(Exception):
    """No keys to use; says what was expected, and what came."""


def context(folder: str, side: str) -> ssl.SSLContext:
    """TLS for one side of the connection, from its folder of keys.

    Args:
        folder: holds `SIDE.key`, `SIDE.crt` and the certificate of the other side.
        side: AGENT or DRIVER.

    Raises:
        KeysError: a file is missing, or is not what its name says.
    """
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if side == AGENT else ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    # One certificate is accepted, under whatever name or address its machine is reached.
    made.check_hostname = False
    made.verify_mode = ssl.CERT_REQUIRED
    made.verify_flags |= NO_CHECK_TIME
    if side == AGENT:
        made.num_tickets = 0
    own, key, other = (
        Path(folder).expanduser() / name for name in (f"{side}.crt", f"{side}.key", f"{OTHER[side]}.crt")
    )
    for path in (own, key, other):
        if not path.is_file():
            raise KeysError(f"expected {own.name}, {key.name} and {other.name} in {folder}, got no {path.name}")
    try:
        made.load_cert_chain(str(own), str(key))
        made.load_verify_locations(str(other))
    except (ssl.SSLError, OSError) as error:
        raise KeysError(
            f"expected a certificate and its key in {folder}, got files that cannot be used: {error}"
        ) from None
    return made


def received(connection: socket.socket, most: int = 65536) -> bytes:
    """All that is here; nothing at the end of the connection.

    Raises:
        BlockingIOError: nothing is here yet.
        OSError: as `recv`.
    """
    data = bytearray()
    while len(data) < most:
        try:
            piece = connection.recv(most)
        except WAITS:
            if not data:
                raise BlockingIOError from None
            break
        data += piece
        # What TLS has decrypted already is no longer seen by `select`.
        if not piece or not getattr(connection, "pending", int)():
            break
    return bytes(data)


def shaken(connection: ssl.SSLSocket) -> bool:
    """Whether the handshake is over; to be called again until it is. Raises OSError where it fails."""
    try:
        connection.do_handshake()
    except WAITS:
        return False
    return True


def reason(error: OSError) -> str:
    """Why a handshake failed, in words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return "it shows another certificate than the one in the folder of keys"
    text = getattr(error, "reason", None) or str(error)
    if text in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNEXPECTED_MESSAGE"):
        return "it does not speak TLS"
    if "EOF" in text or isinstance(error, ConnectionError):
        return "it ended the handshake; are the keys of one pair, and does it take this address (--allow)?"
    if "ALERT" in text or text in ("PEER_DID_NOT_RETURN_A_CERTIFICATE", "NO_CERTIFICATE_SET"):
        return f"no agreement about certificates ({text.lower().replace('_', ' ')})"
    return text
