"""gRPC, which is an extra of the package. The only file that imports it."""

from __future__ import annotations

import os
from types import ModuleType

from gato_ros.core.errors import SetupError


def require_grpc() -> ModuleType:
    """The module `grpc`; SetupError where it is not installed."""
    # What it prints of lost connections by itself is said better by those who lose them.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    try:
        import grpc
    except ImportError as error:
        raise SetupError(
            expected="the package grpcio, for a policy on a server",
            got=f"{error}",
            fix="run `pip install gato_ros[remote]`, in a checkout `pip install -r requirements/remote.txt`",
        ) from None
    return grpc
