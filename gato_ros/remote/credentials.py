"""Who may talk to a policy server from another machine: each side shows its certificate and accepts the other's alone.

The folders are those of the Sawyer's link: `python -m gato_ros.drivers.sawyer_agent.keys FOLDER` makes `agent`, for the
server, and `driver`, for the computer of the robot.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gato_ros.core.errors import SetupError
from gato_ros.drivers.sawyer_agent.tls import AGENT, DRIVER, OTHER
from gato_ros.remote.address import Address
from gato_ros.remote.grpc_package import require_grpc

MAKE = "make some with `python -m gato_ros.drivers.sawyer_agent.keys FOLDER`"
NAME_IN_CERTIFICATE = f"gato_ros {AGENT}"
"""The server's, under whatever name or address its machine is reached."""


def server_credentials(keys: str, address: Address) -> Any:
    """Of the server, from the folder `agent`; None without keys, where no other machine reaches the address.

    Raises:
        SetupError: no keys for an address that others reach, or a folder without them.
    """
    if not _needed(keys, address, "--keys"):
        return None
    own, certificate, other = _read(keys, AGENT)
    return require_grpc().ssl_server_credentials([(own, certificate)], other, require_client_auth=True)


def client_credentials(keys: str, address: Address) -> Any:
    """Of whoever asks, from the folder `driver`; otherwise as `server_credentials`."""
    if not _needed(keys, address, "server_keys"):
        return None
    own, certificate, other = _read(keys, DRIVER)
    return require_grpc().ssl_channel_credentials(other, own, certificate)


def _needed(keys: str, address: Address, option: str) -> bool:
    if not keys and not address.only_here:
        raise SetupError(
            expected=f"{option} for {address}, which other machines reach",
            got="none",
            fix=f"{MAKE}, or take 127.0.0.1 and a tunnel (ssh -L)",
        )
    return bool(keys)


def _read(keys: str, side: str) -> tuple[bytes, bytes, bytes]:
    """Key, certificate and the other side's certificate, as PEM."""
    folder, names = Path(keys).expanduser(), (f"{side}.key", f"{side}.crt", f"{OTHER[side]}.crt")
    contents = []
    for name in names:
        try:
            content = (folder / name).read_bytes()
        except OSError as error:
            raise SetupError(
                expected=f"{', '.join(names)} in {folder}", got=f"{name}: {error.strerror or error}", fix=MAKE
            ) from None
        if not content.startswith(b"-----BEGIN "):
            raise SetupError(expected=f"{name} in PEM", got=f"{folder / name}, which is none", fix=MAKE)
        contents.append(content)
    return contents[0], contents[1], contents[2]
