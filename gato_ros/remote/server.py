"""A policy host behind gRPC: one stream that is the client's presence, and a call for each step."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from gato_ros.core.errors import SetupError
from gato_ros.remote.address import Address
from gato_ros.remote.credentials import server_credentials
from gato_ros.remote.grpc_package import require_grpc
from gato_ros.remote.host import PolicyHost
from gato_ros.remote.terms import METHODS, SERVICE, SESSION
from gato_ros.remote.wire import LARGEST_BYTES

WORKERS, MOST_CALLS = 8, 64
"""Threads, and calls at a time; one client has a stream and a call or two."""
GONE_AFTER_MS = (2000, 5000)
"""A client that does not say that it is there, asked so often, within so long, has gone: its machine is off."""
END_S = 0.2
"""For calls that are under way when the server ends [s]."""


class PolicyServer:
    """Serves from its making on; `close` ends it."""

    def __init__(self, host: PolicyHost, address: Address, keys: str = ""):
        """
        Args:
            host: answers.
            address: to listen on; port 0: any free one.
            keys: folder with agent.key, agent.crt and driver.crt; needed where other machines reach the address.

        Raises:
            SetupError: gRPC is missing, the keys are, or the address cannot be taken.
        """
        grpc = require_grpc()
        credentials = server_credentials(keys, address)
        self._host, self._ended = host, threading.Event()
        self._server = grpc.server(
            ThreadPoolExecutor(WORKERS, "policy_server"),
            options=(
                ("grpc.max_receive_message_length", LARGEST_BYTES),
                ("grpc.keepalive_time_ms", GONE_AFTER_MS[0]),
                ("grpc.keepalive_timeout_ms", GONE_AFTER_MS[1]),
                ("grpc.http2.max_pings_without_data", 0),
                # Two servers at one address would share its clients between them.
                ("grpc.so_reuseport", 0),
            ),
            maximum_concurrent_rpcs=MOST_CALLS,
        )
        handlers: dict[str, Any] = {
            method: grpc.unary_unary_rpc_method_handler(self._call(method)) for method in METHODS
        }
        handlers[SESSION] = grpc.unary_stream_rpc_method_handler(self._stay)
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
        try:
            if credentials is None:
                port = self._server.add_insecure_port(str(address))
            else:
                port = self._server.add_secure_port(str(address), credentials)
        except (RuntimeError, ValueError) as error:
            port, why = 0, " ".join(str(error).split())[:200]
        else:
            why = "it cannot be taken"
        if not port:
            raise SetupError(
                expected="an address of this machine that is free", got=f"{address}: {why}", fix="choose another"
            )
        self.address = Address(address.host, port)
        """With the port that it got."""
        self._server.start()

    def _call(self, method: str) -> Any:
        return lambda data, context: self._host.call(method, data, context.is_active)

    def _stay(self, data: bytes, context: Any) -> Iterator[bytes]:
        session, answer = self._host.enter(data, context.peer())
        gone = threading.Event()
        if not context.add_callback(gone.set):  # it has gone meanwhile
            gone.set()
        try:
            yield answer
            if session:
                gone.wait()
        finally:
            self._host.leave(session)

    def wait(self) -> None:
        """Until `close`."""
        self._ended.wait()

    def close(self) -> None:
        """End; calls that are under way have a moment."""
        self._server.stop(END_S).wait()
        self._ended.set()
