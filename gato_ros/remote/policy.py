"""A policy whose steps are made by a server: the robot's computer needs no JAX for it."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from gato_ros.core.contract import Contract
from gato_ros.core.decision import Decision
from gato_ros.core.errors import SetupError
from gato_ros.core.observation import Observation
from gato_ros.core.policy import PolicyUnavailable, Served
from gato_ros.core.prompt import Prompt
from gato_ros.core.records.exact_json import difference
from gato_ros.remote.address import parse_address
from gato_ros.remote.link import Link
from gato_ros.remote.terms import (
    FAILED,
    NO_PROMPT,
    NO_SESSION,
    OTHER_STEP,
    decision_from,
    info_from,
    prompt_message,
    raise_refusal,
)
from gato_ros.remote.wire import WIRE_VERSION, Message, WireError, encode
from gato_ros.version import __version__

QUICK_S, PROMPT_S = 1.0, 20.0
"""For what is no step: a reset or a check, and one with a prompt that the server has to compute [s]."""


_LASTING = ("keys", "info", "precision", "packages")
"""What a server that was started again says as before: a recording names them once."""


class RemotePolicyError(RuntimeError):
    """What the policy raised on its server, in its words."""


class RemotePolicy:
    """As the policy on the server would be here; the caller owns time.

    A step has one control period. What has not come by then is dropped for good: a step that was lost, like a
    connection, ends the episode of the server's memory. `act` then raises PolicyUnavailable until `reset`. Both are
    called by one thread; the checks by any.
    """

    def __init__(self, address: str, contract: Contract, limit_s: float, keys: str = "", digest: str = ""):
        """Connect, and compare.

        Args:
            address: grpc://HOST:PORT.
            contract: of the robot here.
            limit_s: for a step, from the call to the answer [s]: a control period, for then the next one is due.
            keys: folder with driver.key, driver.crt and agent.crt; needed for another machine.
            digest: sha256 of the weights that are wanted, or how it begins; nothing: whichever the server has. They
                may not change while this lives.

        Raises:
            SetupError: no server there, or one of another version, with other weights, or for another robot.
        """
        self._contract, self._digest, self._limit_s = contract, digest, limit_s
        self._facts: dict[str, Any] = {}
        self._episode, self._step, self._numbers = -1, 0, itertools.count(1)
        self._session = ""
        """In which the memory over there is known; nothing: a reset has to come first."""
        self._sent: tuple[Prompt, str] | None = None
        self._link = Link(parse_address(address), keys, self._judge)
        facts = self._facts
        try:
            self.observation_keys: tuple[str, ...] = tuple(facts["keys"])
            served = Served(str(facts["policy"]), str(facts["precision"]), dict(facts["packages"]))
            self.info = info_from(facts["info"], served)
            self.reset()
        except BaseException as error:
            self.close()
            if isinstance(error, (PolicyUnavailable, KeyError, TypeError, ValueError)):
                fix = "is it still there, and a policy server? try again"
                raise SetupError(expected="a policy server that answers", got=str(error), fix=fix) from None
            raise

    # --- is it the one that is wanted? ---

    def _judge(self, welcome: dict[str, Any]) -> None:
        if (welcome.get("wire"), welcome.get("version")) != (WIRE_VERSION, __version__):
            raise SetupError(
                expected=f"gato_ros {__version__} (wire {WIRE_VERSION}) on the policy server",
                got=f"{welcome.get('version')} (wire {welcome.get('wire')})",
                fix="install the same version on both",
            )
        try:
            keys, found, theirs = tuple(welcome["keys"]), str(welcome["info"]["digest"]), welcome["contract"]
        except (KeyError, TypeError) as error:
            raise WireError(f"no welcome of a policy server: {error}") from None
        self._judge_weights(found)
        for name in _LASTING if self._facts else ():
            if welcome.get(name) != self._facts[name]:
                raise SetupError(
                    expected=f"a policy server with {name} {str(self._facts[name])[:120]}, as before",
                    got=str(welcome.get(name))[:120],
                    fix="start the same one again, or clean the node up and configure it again",
                )
        mine = json.loads(json.dumps(self._contract.policy_contract(keys)))
        if mine != theirs:
            place, wanted, got = difference(mine, theirs)
            where = place or "its contract"
            raise SetupError(
                expected=f"the policy server to serve {self._contract.name}, with {where} {wanted[:80]}",
                got=f"{welcome.get('robot')}, with {got[:80]}",
                fix="start the server with --embodiment for this robot, and with the same contract file",
            )
        self._facts = welcome

    def _judge_weights(self, found: str) -> None:
        before = self._facts.get("info", {}).get("digest")
        wanted = self._digest if before is None else before
        if not found.startswith(wanted) or (before is not None and found != before):
            raise SetupError(
                expected=f"weights with sha256 {wanted[:12] or 'none'} on the policy server",
                got=found[:12] or "none: hold",
                fix="start the server with those weights; for others clean the node up and configure it again",
            )

    # --- the policy ---

    def act(self, observation: Observation) -> Decision:
        """The action for this tick, within one control period.

        Raises:
            PolicyUnavailable: there is none in time; `reset` comes before the next one.
            WireError: the server answers with what is no action of this robot, or to another step.
            RemotePolicyError: the policy failed there.
            SetupError: what answers there now is another policy.
        """
        session = self._link.session
        if not session or session != self._session:
            self._session = ""
            self._link.require()
            raise PolicyUnavailable("the policy server was connected again: its memory has to begin again")
        self._session = ""  # until the answer is here, and is one
        values = {key: observation.values[key] for key in self.observation_keys}
        header = {"step": self._step, "stamp_s": float(observation.stamp_s)}
        message = self._call("act", header, values, self._limit_s, session)
        answered, asked = (message.header.get("episode"), message.header.get("step")), (self._episode, self._step)
        if answered != asked:
            raise WireError(f"the policy server answers episode and step {answered}, and {asked} was asked")
        decision = decision_from(message, self._contract.spec.actions)
        self._session, self._step = session, self._step + 1
        return decision

    def reset(self, prompt: Prompt | None = None) -> None:
        """Forget the episode before, here and there; a prompt is sent once.

        Raises:
            PolicyUnavailable: the server does not answer.
            SetupError: it refuses the prompt, or is another one now.
        """
        session = self._link.session
        self._session, self._episode, self._step = "", self._episode + 1, 0
        header: dict[str, Any] = {"prompt": self._name_of(prompt)}
        try:
            message = self._call("reset", header, {}, QUICK_S, session)
        except _PromptWanted:
            assert prompt is not None
            about, arrays = prompt_message(prompt)
            message = self._call("reset", header | about, arrays, PROMPT_S, session)
        if message.header.get("episode") != self._episode:
            raise WireError(f"the policy server began episode {message.header.get('episode')}, not {self._episode}")
        self._session = session

    def check_prompt(self, prompt: Prompt) -> None:
        """SetupError where the policy does not take it."""
        self._check("check_prompt", *prompt_message(prompt), PROMPT_S)

    def check_texts(self, values: Mapping[str, np.ndarray]) -> None:
        """SetupError for texts that the policy cannot take."""
        self._check("check_texts", {}, dict(values), QUICK_S)

    def _check(self, method: str, header: dict[str, Any], arrays: dict[str, np.ndarray], limit_s: float) -> None:
        try:
            self._call(method, header, arrays, limit_s, self._link.session)
        except (PolicyUnavailable, WireError, RemotePolicyError) as error:
            raise SetupError(
                expected="a policy server that looks at it", got=str(error), fix="is it there, and well? try again"
            ) from None

    def close(self) -> None:
        """Leave the server to others; safe to call twice."""
        self._link.close()

    # --- calls ---

    def _name_of(self, prompt: Prompt | None) -> str:
        if prompt is None:
            return ""
        if self._sent is None or self._sent[0] is not prompt:
            self._sent = prompt, hashlib.sha256(encode(*prompt_message(prompt))).hexdigest()
        return self._sent[1]

    def _call(
        self, method: str, header: dict[str, Any], arrays: dict[str, np.ndarray], limit_s: float, session: str
    ) -> Message:
        number = next(self._numbers)
        mine = {"session": session, "number": number, "episode": self._episode}
        message = self._link.call(method, encode(header | mine, arrays), limit_s)
        raise_refusal(message.header)
        if (failed := message.header.get(FAILED)) is not None:
            text = str(message.header.get("text", ""))[:300]
            if failed == NO_PROMPT and method == "reset" and not arrays:
                raise _PromptWanted
            if failed in (NO_SESSION, OTHER_STEP):
                raise PolicyUnavailable(f"policy server {self._link.address}: {text}")
            raise RemotePolicyError(text)
        if message.header.get("number") != number:
            raise WireError(f"the policy server answers call {message.header.get('number')}, not {number}")
        return message


class _PromptWanted(Exception):
    """The server has not got the prompt yet."""
