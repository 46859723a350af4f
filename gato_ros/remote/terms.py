"""What policy and server say to each other, as headers and arrays: observations, prompts, decisions, who they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np

from gato_ros.core.action import Action
from gato_ros.core.decision import Decision, Trace
from gato_ros.core.errors import SetupError
from gato_ros.core.observation import Observation
from gato_ros.core.policy import PolicyInfo, Served
from gato_ros.core.prompt import Prompt
from gato_ros.core.spec import ContinuousSpec, SpecMapping
from gato_ros.remote.wire import Message, WireError

SERVICE, SESSION = "gato_ros.Policy", "session"
METHODS = ("act", "reset", "check_prompt", "check_texts")
"""Beside SESSION, a stream that lasts as long as the client is there."""
FAILED, REFUSED = "failed", "refused"
NO_SESSION, OTHER_STEP, NO_PROMPT, POLICY = "no session", "another step", "no such prompt", "policy"
"""Why there is no answer: what a reset mends, what the prompt itself mends, what only ~/reset may."""
SLACK = 0.05
"""Share of its range that a value may lie outside: a policy that stands still repeats what a sensor has measured."""
_TRACE = ("ids", "entropy_nat", "probability", "logit_margin")


class RemoteTokens(NamedTuple):
    """Of the tokens of an observation what is recorded: a server keeps the pixels."""

    ids: np.ndarray
    patches_crc32: int


def refusal(error: SetupError) -> dict[str, Any]:
    """A header that says why something is refused."""
    return {REFUSED: {"expected": error.expected, "got": error.got, "fix": error.fix}}


def raise_refusal(header: Mapping[str, Any]) -> None:
    """SetupError where the header says that something was refused."""
    if (why := header.get(REFUSED)) is not None:
        raise SetupError(**{part: str(why.get(part, "")) for part in ("expected", "got", "fix")})


# --- what is asked ---


def prompt_message(prompt: Prompt) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """A demonstration as header and arrays; `prompt_from` is the inverse."""
    arrays = {}
    for step, (observation, action) in enumerate(zip(prompt.observations, prompt.actions)):
        arrays |= {f"o/{step}/{key}": value for key, value in observation.values.items()}
        arrays |= {f"a/{step}/{key}": value for key, value in action.values.items()}
    stamps = [float(one.stamp_s) for one in prompt.observations]
    return {"name": prompt.name, "digest": prompt.digest, "taken": prompt.taken, "stamps_s": stamps}, arrays


def prompt_from(message: Message) -> Prompt:
    """The demonstration in a message; WireError where there is none."""
    try:
        header, stamps = message.header, message.header["stamps_s"]
        sides: dict[str, list[dict]] = {side: [{} for _ in stamps] for side in ("o", "a")}
        for name, value in message.arrays.items():
            side, step, key = name.split("/", 2)
            sides[side][int(step)][key] = value
        observations = tuple(Observation(values, stamp) for values, stamp in zip(sides["o"], stamps))
        actions = tuple(Action(values) for values in sides["a"])
        return Prompt(observations, actions, header["name"], header["digest"], header["taken"])
    except (KeyError, IndexError, ValueError, TypeError) as error:
        raise WireError(f"no prompt: {error}") from None


# --- what is answered ---


def decision_message(decision: Decision) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """A decision as header and arrays; `decision_from` is the inverse."""
    arrays = {f"action/{key}": value for key, value in decision.action.values.items()}
    trace = decision.trace
    if trace is None:
        return {"trace": None}, arrays
    arrays |= {f"trace/{name}": np.asarray(getattr(trace, name)) for name in _TRACE}
    about: dict[str, Any] = {
        "context_tokens": list(trace.context_tokens),
        "tokenise_s": trace.tokenise_s,
        "forward_s": trace.forward_s,
        "ticks": trace.ticks,
        "compiled": trace.compiled,
    }
    if trace.tokens is not None:
        arrays["tokens"], about["patches_crc32"] = np.asarray(trace.tokens.ids), trace.tokens.patches_crc32
    return {"trace": about}, arrays


def decision_from(message: Message, actions: SpecMapping) -> Decision:
    """The decision in a message; WireError where it is none, or no action that this contract has.

    Args:
        actions: of the contract: keys, shapes and ranges.
    """
    values = {name[7:]: value for name, value in message.arrays.items() if name.startswith("action/")}
    if problem := _problem(values, actions):
        raise WireError(f"the policy server's action: {problem}")
    try:
        return Decision(Action(values), _trace_from(message))
    except (KeyError, ValueError, TypeError) as error:
        raise WireError(f"the policy server's trace: {error}") from None


def _trace_from(message: Message) -> Trace | None:
    about = message.header["trace"]
    if about is None:
        return None
    tokens = None
    if "tokens" in message.arrays:
        tokens = RemoteTokens(message.arrays["tokens"], int(about["patches_crc32"]))
    of = {name: message.arrays[f"trace/{name}"] for name in _TRACE}
    seen, window = about["context_tokens"]
    return Trace(
        tokens,
        **of,
        context_tokens=(seen, window),
        tokenise_s=float(about["tokenise_s"]),
        forward_s=float(about["forward_s"]),
        ticks=int(about["ticks"]),
        compiled=bool(about["compiled"]),
    )


def _problem(values: Mapping[str, np.ndarray], actions: SpecMapping) -> str:
    if list(values) != list(actions):
        return f"expected {', '.join(actions)}, got {', '.join(values) or 'none'}"
    for key, spec in actions.items():
        value = values[key]
        if value.shape != tuple(spec.shape):
            return f"expected {key} of shape {tuple(spec.shape)}, got {value.shape}"
        if not np.isfinite(value).all():
            return f"expected a finite {key}, got {value}"
        if isinstance(spec, ContinuousSpec) and spec.bounded:
            lower, upper = np.asarray(spec.lower), np.asarray(spec.upper)
            slack = SLACK * (upper - lower)
            if not ((value >= lower - slack) & (value <= upper + slack)).all():
                return f"expected {key} in {lower} to {upper}, got {value}"
    return ""


# --- who answers ---


def info_message(info: PolicyInfo) -> dict[str, Any]:
    """What does not change from step to step, as plain values."""
    return {name: value for name, value in asdict(info).items() if name != "served"}


def info_from(values: Mapping[str, Any], served: Served) -> PolicyInfo:
    """Inverse of `info_message`; WireError for anything else."""
    try:
        return PolicyInfo(
            str(values["digest"]),
            bool(values["remembers"]),
            int(values["prompt_steps"]),
            int(values["reach_steps"]),
            served,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise WireError(f"no facts about a policy: {error}") from None
