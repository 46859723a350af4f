"""The port of one run's page: the usual one, or another where that is in use."""

import socket

import pytest

pytest.importorskip("aiohttp", reason="aiohttp is not installed here (requirements/runtime.txt has it)")

from gato_ros.core.errors import SetupError
from gato_ros.nodes.console import port
from gato_ros.nodes.console.server import listening_socket


def test_a_port_that_is_in_use_is_passed_over(monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setattr(port, "USUAL", taken.getsockname()[1])
        found = port.free_port()
        assert found != taken.getsockname()[1]
        with pytest.raises(SetupError, match="expected a free port"):
            listening_socket("127.0.0.1", taken.getsockname()[1])
    listening_socket("127.0.0.1", found).close()


def test_an_address_that_is_not_ours_is_one_line():
    with pytest.raises(SetupError, match="an `address` that this machine has"):
        listening_socket("192.0.2.7", 0)


def test_a_console_without_its_server_is_one_line(monkeypatch):
    monkeypatch.setattr(port.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SetupError, match=r"gato_ros\[console\]"):
        port.free_port()
