"""The policy of a server, and whose it is at present. Knows bytes, and nothing of what carries them."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping
from importlib import metadata
from typing import Any

import numpy as np

from gato_ros.core.contract import Contract
from gato_ros.core.errors import SetupError
from gato_ros.core.observation import Observation
from gato_ros.core.policy import Policy
from gato_ros.core.prompt import Prompt
from gato_ros.remote.terms import (
    FAILED,
    METHODS,
    NO_PROMPT,
    NO_SESSION,
    OTHER_STEP,
    POLICY,
    decision_message,
    info_message,
    prompt_from,
    refusal,
)
from gato_ros.remote.wire import WIRE_VERSION, Message, WireError, decode, encode
from gato_ros.version import __version__

PACKAGES = ("jax", "jaxlib", "numpy")
"""Another version of these may round otherwise."""


def installed_versions() -> dict[str, str]:
    """Of PACKAGES, those that are installed here."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


class PolicyHost:
    """One client at a time: a policy has a memory. Thread-safe.

    The memory is that of an episode and a step. A call names both, and the client counts its steps from its last reset;
    an act for any other step is refused, so that neither side remembers what the other does not.
    """

    def __init__(self, policy: Policy, contract: Contract, name: str, precision: str = ""):
        """
        Args:
            policy: warm.
            contract: that it was loaded for.
            name: what it was loaded by.
            precision: that it was loaded with; nothing: as it was trained.
        """
        self._policy, self._name, self._precision = policy, name, precision
        self._contract, self._keys = contract, tuple(policy.observation_keys)
        self._agreed = contract.policy_contract(self._keys)
        self._methods = dict(zip(METHODS, (self._act, self._reset, self._check_prompt, self._check_texts), strict=True))
        self._lock = threading.Lock()
        self._session, self._whose = "", ""
        self._episode, self._step = -1, 0
        self._prompts: dict[str, Prompt] = {}

    # --- coming and going ---

    def enter(self, data: bytes, whose: str) -> tuple[str, bytes]:
        """A session and what to answer; no session where the hello is refused.

        Args:
            whose: address of the client, for the one who comes second.
        """
        try:
            hello = decode(data).header
            self._check(hello)
        except WireError as error:
            return "", encode(_failed(NO_SESSION, str(error)))
        except SetupError as error:
            return "", encode(self._about() | refusal(error))
        with self._lock:
            if self._session:
                busy = SetupError(
                    expected="a policy server that nobody uses",
                    got=f"one that serves {self._whose}: a policy remembers one robot's steps",
                    fix="end that client, or start a server for each robot",
                )
                return "", encode(self._about() | refusal(busy) | {"busy": True})
            self._session, self._whose = secrets.token_hex(16), whose
            self._episode, self._step, self._prompts = -1, 0, {}
            return self._session, encode(self._about() | {"session": self._session})

    def leave(self, session: str) -> None:
        """The client is gone."""
        with self._lock:
            if session and session == self._session:
                self._session = self._whose = ""

    def _check(self, hello: Mapping[str, Any]) -> None:
        if hello.get("wire") != WIRE_VERSION or hello.get("version") != __version__:
            raise SetupError(
                expected=f"gato_ros {__version__} (wire {WIRE_VERSION}), which the policy server has",
                got=f"{str(hello.get('version'))[:40]} (wire {str(hello.get('wire'))[:40]}) on this machine",
                fix="install the same version on both",
            )

    def _about(self) -> dict[str, Any]:
        return {
            "wire": WIRE_VERSION,
            "version": __version__,
            "policy": self._name,
            "precision": self._precision,
            "packages": installed_versions(),
            "robot": self._contract.name,
            "contract": self._agreed,
            "keys": list(self._keys),
            "info": info_message(self._policy.info),
        }

    # --- the calls ---

    def call(self, method: str, data: bytes, alive: Callable[[], bool] = lambda: True) -> bytes:
        """Answer one of METHODS.

        Args:
            alive: whether the client still waits; what nobody waits for is not computed.
        """
        try:
            message = decode(data)
            with self._lock:
                if not alive():
                    return encode(_failed(OTHER_STEP, "nobody waits for it any more"))
                if not self._session or message.header.get("session") != self._session:
                    return encode(_failed(NO_SESSION, "this server has another client, or was started again"))
                return self._methods[method](message)
        except SetupError as error:
            return encode(refusal(error))
        except Exception as error:
            return encode(_failed(POLICY, f"{type(error).__name__}: {error}"))

    def _act(self, message: Message) -> bytes:
        header = message.header
        asked, mine = (header["episode"], header["step"]), (self._episode, self._step)
        if asked != mine:
            return encode(_failed(OTHER_STEP, f"episode and step {asked} were asked for, and the memory is at {mine}"))
        # Before the policy is asked: a step that fails half-way is not repeated, it needs a reset.
        self._step += 1
        decision = self._policy.act(Observation(message.arrays, float(header["stamp_s"])))
        about, arrays = decision_message(decision)
        return encode(about | {"episode": asked[0], "step": asked[1], "number": header["number"]}, arrays)

    def _reset(self, message: Message) -> bytes:
        header = message.header
        name = str(header.get("prompt", ""))
        if name and message.arrays:
            self._prompts = {name: prompt_from(message)}
        if name and name not in self._prompts:
            return encode(_failed(NO_PROMPT, "send it"))
        # The same object each time: a policy computes a prompt once.
        self._policy.reset(self._prompts[name] if name else None)
        self._episode, self._step = int(header["episode"]), 0
        return encode({"episode": self._episode, "number": header["number"]})

    def _check_prompt(self, message: Message) -> bytes:
        self._policy.check_prompt(prompt_from(message))  # type: ignore[attr-defined]
        return encode({"number": message.header["number"]})

    def _check_texts(self, message: Message) -> bytes:
        texts: Mapping[str, np.ndarray] = message.arrays
        self._policy.check_texts(texts)  # type: ignore[attr-defined]
        return encode({"number": message.header["number"]})


def _failed(kind: str, text: str) -> dict[str, Any]:
    return {FAILED: kind, "text": text}
