"""The connection to a policy server: opened once by whoever starts, and after that kept by a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from gato_ros.core.errors import SetupError
from gato_ros.core.policy import PolicyUnavailable
from gato_ros.remote.address import Address
from gato_ros.remote.credentials import NAME_IN_CERTIFICATE, client_credentials
from gato_ros.remote.grpc_package import require_grpc
from gato_ros.remote.terms import SERVICE, SESSION, raise_refusal
from gato_ros.remote.wire import LARGEST_BYTES, WIRE_VERSION, Message, WireError, decode, encode
from gato_ros.version import __version__

FIRST_LIMIT_S = 5.0
"""For the first answer of a server [s]."""
RETRY_S = 0.25
"""Between two tries of a connection [s]."""


class Link:
    """Calls go through while `session` is not empty; else they raise at once, and never wait for a connection."""

    def __init__(self, address: Address, keys: str, judge: Callable[[dict[str, Any]], None]):
        """Connect.

        Args:
            keys: folder with driver.key, driver.crt and agent.crt; needed for another machine.
            judge: raises SetupError where the welcome of a server is not what is wanted; called at each connection.

        Raises:
            SetupError: no gRPC, no keys, no server there, or one that is refused or refuses.
        """
        self._grpc, self.address, self._judge = require_grpc(), address, judge
        credentials = client_credentials(keys, address)
        options = (
            ("grpc.max_receive_message_length", LARGEST_BYTES),
            # A server that was started again is wanted at once; by default gRPC waits for up to two minutes.
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.min_reconnect_backoff_ms", 1000),
            ("grpc.max_reconnect_backoff_ms", 500),
            ("grpc.enable_retries", 0),
            # A proxy of the environment is not on the way between a robot and its policy.
            ("grpc.enable_http_proxy", 0),
        )
        self._channel = (
            self._grpc.insecure_channel(str(address), options)
            if credentials is None
            else self._grpc.secure_channel(
                str(address), credentials, (*options, ("grpc.ssl_target_name_override", NAME_IN_CERTIFICATE))
            )
        )
        self._calls: dict[str, Any] = {}
        self._open = self._channel.unary_stream(f"/{SERVICE}/{SESSION}")
        self.session = ""
        """Another one after each connection; empty without."""
        self.problem = f"no answer of {address}"
        """Why there is no session."""
        self.refusal: SetupError | None = None
        """Why what answers there is not the policy that is wanted."""
        self._stream: Any = None
        self._busy = False
        self._decided, self._ended = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._keep, name="policy_link", daemon=True)
        self._thread.start()
        if not self._decided.wait(FIRST_LIMIT_S) or not self.session:
            error = self.refusal or self._nobody()
            self.close()  # which has a word of its own about why there is no session
            raise error

    def _nobody(self) -> SetupError:
        return SetupError(
            expected=f"a policy server at {self.address}",
            got=self.problem,
            fix="start one with `python -m gato_ros serve`; is the address right, and are there keys on both sides?",
        )

    # --- calls ---

    def require(self) -> None:
        """Raise where there is no session, as `call` does."""
        if not self.session:
            if self.refusal is not None:
                raise self.refusal
            raise PolicyUnavailable(f"policy server {self.address}: {self.problem}")

    def call(self, method: str, data: bytes, limit_s: float) -> Message:
        """What the server answers within so long [s].

        Raises:
            PolicyUnavailable: it does not, or there is no connection.
            SetupError: what answers there now is refused.
            WireError: it answers with what is no message.
        """
        self.require()
        if method not in self._calls:
            self._calls[method] = self._channel.unary_unary(f"/{SERVICE}/{method}")
        try:
            return decode(self._calls[method](data, timeout=limit_s))
        except self._grpc.RpcError as error:
            why = self._worded(error, limit_s)
        except ValueError as error:
            if isinstance(error, WireError):
                raise
            why = "the connection was closed"
        raise PolicyUnavailable(f"policy server {self.address}: {why}")

    def _worded(self, error: Any, limit_s: float) -> str:
        code = error.code()
        if code is self._grpc.StatusCode.DEADLINE_EXCEEDED:
            return f"no answer within {1e3 * limit_s:.0f} ms"
        if code is self._grpc.StatusCode.UNIMPLEMENTED:
            return "what answers there is no policy server of this version"
        return " ".join((error.details() or code.name).split())[:200]

    # --- the thread ---

    def _keep(self) -> None:
        while not self._ended.is_set():
            try:
                # No deadline: it lasts as long as both are there.
                self._stream = self._open(encode({"wire": WIRE_VERSION, "version": __version__}))
                if self._is_welcome(decode(next(self._stream)).header):
                    for _ in self._stream:
                        continue
                    self.problem = "it has ended the session"
            except StopIteration:
                self.problem = "it ended without a word"
            except SetupError as error:
                self.refusal = error
            except self._grpc.RpcError as error:
                self.problem, self.refusal = self._worded(error, FIRST_LIMIT_S), None
            except Exception as error:  # a thread that ends would leave the policy silent for ever
                self.problem = f"{type(error).__name__}: {error}"
            self.session = ""
            if self._stream is not None:
                self._stream.cancel()  # what is refused must not keep others out
            if not self._busy:
                self._decided.set()
            self._ended.wait(RETRY_S)

    def _is_welcome(self, welcome: dict[str, Any]) -> bool:
        self._busy = bool(welcome.get("busy"))
        if self._busy:
            # For a moment after a reconnection it may be this one's own old session: it is tried again.
            self.problem = str(welcome.get("refused", {}).get("got", "it is busy"))
            return False
        raise_refusal(welcome)
        self._judge(welcome)
        self.refusal, self.problem = None, ""
        self.session = str(welcome["session"])
        self._decided.set()
        return True

    def close(self) -> None:
        """End the session; safe to call twice."""
        self._ended.set()
        self.session = ""
        if self._stream is not None:
            self._stream.cancel()
        self._channel.close()
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout=1.0)
