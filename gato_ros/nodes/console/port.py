"""A port for the page of one run, known before its node is there."""

from __future__ import annotations

import importlib.util
import socket

from gato_ros.core.errors import SetupError

USUAL = 8088
"""Where a person expects the page."""


def free_port() -> int:
    """The usual port, or where that is in use any free one of this machine.

    Raises:
        SetupError: the package is missing that serves the page.
    """
    if importlib.util.find_spec("aiohttp") is None:
        raise SetupError(
            expected="the package aiohttp for the console", got="none", fix="pip install 'gato_ros[console]'"
        )
    for port in (USUAL, 0):
        with socket.socket() as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tried.bind(("127.0.0.1", port))
                return tried.getsockname()[1]
            except OSError:
                continue
    raise SetupError(expected="a free port for the console", got="none", fix="end what uses them")
