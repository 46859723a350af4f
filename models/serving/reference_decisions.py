"""Golden decisions: what weights made of fixed observations on the machine that recorded them.

Whoever loads them computes the same with the very step that will drive the robot. A machine, a library or a precision
that computes other numbers is found before the arm moves, and so is a tokeniser that cuts otherwise.

At every temperature the likeliest bins are recorded and compared, and the logits behind them: what is drawn
depends on seed and tick, and on the last bit of a logit.
"""

from __future__ import annotations

import json
import zlib
from typing import Any, Protocol

import numpy as np

from gato_ros.core.contract import Contract
from gato_ros.core.decision import Decision
from gato_ros.core.errors import SetupError
from gato_ros.core.spec import StepSpec
from gato_ros.models.layout import TokenLayout
from gato_ros.models.tokenizer import StepTokens, tokenize

OBSERVATIONS = 4
"""One after another: a memory is looked at as well."""
TOLERANCE_NAT = {"float32": 5e-3, "mixed": 0.05, "bfloat16_weights": 0.05, "bfloat16": 0.05, "int8": 0.1}
"""By the precision served in: how far entropies and margins may lie from what was recorded in float32.

Of the shipped policies, recorded on a CPU with AVX-512, the same in float32 without AVX lies 0.000002 away,
bfloat16_weights 0.014, bfloat16 0.022, int8 0.036; one layer of four a hundredth too strong 0.04 to 0.08, a
ten-thousandth 0.0005. Room is left in float32 for a GPU that multiplies in TF32, which has not been measured.
"""
BITS = 24
LOGITS = ("entropy_nat", "logit_margin")
"""What is compared of the logits; files from before they were taken down hold ids only."""
CONTRACT = "contract"
"""Of a generalist: the name of the contract that a decision was made for."""


def golden_observation(spec: StepSpec, keys: tuple[str, ...], number: int) -> dict[str, np.ndarray]:
    """Key -> value of the `number`-th observation, within the spec's ranges.

    Integer arithmetic alone: no library's random numbers, which may change with its versions.
    """
    values: dict[str, np.ndarray] = {}
    for place, key in enumerate(sorted(keys)):
        channel = spec.observation(key)
        size = int(np.prod(channel.shape))
        # Blocks as coarse as objects are; noise of single pixels would be nothing to a network that has seen scenes.
        cells = _pseudo_random(size, 97 * number + place) / 2.0**BITS
        if channel.kind == "image":
            height, width, _ = channel.shape
            coarse = cells.reshape(channel.shape)[::16, ::16]
            values[key] = np.floor(256 * np.kron(coarse, np.ones((16, 16, 1)))).astype(np.uint8)[:height, :width]
        elif channel.kind == "text":
            values[key] = np.zeros(channel.shape, np.float32)
        elif channel.kind == "discrete":
            values[key] = np.floor(cells * channel.values).astype(np.float32)
        else:
            lower, upper = np.array(channel.lower), np.array(channel.upper)
            values[key] = (lower + cells * (upper - lower)).astype(np.float32)
    return values


def _pseudo_random(size: int, seed: int) -> np.ndarray:
    """[size] integers below 2**BITS: a multiplicative hash of the place."""
    place = np.arange(1, size + 1, dtype=np.uint64) + np.uint64(1_000_003 * (seed + 1))
    mixed = place * np.uint64(0x9E3779B97F4A7C15)  # wraps around, as meant
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    return (mixed >> np.uint64(64 - BITS)).astype(np.int64)


class TokenPolicy(Protocol):
    """What decides on tokens: a `GatoPolicy`, which itself asks for `check_machine`."""

    layout: TokenLayout
    contract: Contract
    observation_keys: tuple[str, ...]
    ticks: int

    def reset(self) -> None: ...

    def act_on_tokens(self, tokens: StepTokens, likeliest: bool = False) -> Decision: ...


def golden_decisions(policy: TokenPolicy) -> list[dict[str, Any]]:
    """What the policy makes of the golden observations, in order from a reset, ready for JSON."""
    policy.reset()
    found = []
    for number in range(OBSERVATIONS):
        tokens = tokenize(policy.layout, golden_observation(policy.contract.spec, policy.observation_keys, number))
        found.append(_decision(policy, tokens))
    policy.reset()
    return found


def _decision(policy: TokenPolicy, tokens: StepTokens) -> dict[str, Any]:
    decided = policy.act_on_tokens(tokens, likeliest=True)
    trace = decided.trace
    assert trace is not None  # of tokens there always is one
    return {
        "patches_crc32": zlib.crc32(np.ascontiguousarray(tokens.patches).tobytes()),
        "ids": tokens.ids.tolist(),
        "action_ids": trace.ids.tolist(),
        "action": decided.action.as_vector().tolist(),
        "entropy_nat": [round(float(value), 6) for value in trace.entropy_nat],
        "logit_margin": [round(float(value), 6) for value in trace.logit_margin],
    }


def distance(recorded: list[dict[str, Any]], here: list[dict[str, Any]]) -> float:
    """The largest difference of an entropy or a margin [nat]."""
    return max(
        float(np.abs(np.subtract(one[key], other[key])).max())
        for one, other in zip(recorded, here, strict=True)
        for key in LOGITS
    )


def check_machine(policy: TokenPolicy, recorded: list[dict[str, Any]], precision: str) -> None:
    """Have a compiled policy decide again; SetupError as of `check_golden`, or where it cannot decide at all.

    Of a generalist, what was recorded for another of its contracts says nothing here.
    """
    ticks, name = policy.ticks, policy.contract.name
    recorded = [one for one in recorded if one.get(CONTRACT, name) == name]
    if not recorded:
        return
    try:
        here = golden_decisions(policy)
    except ValueError as error:  # NonFiniteError is one
        raise _refused("decisions", "some", str(error)) from None
    check_golden(recorded, here, precision)
    policy.ticks = ticks


def check_golden(recorded: list[dict[str, Any]], here: list[dict[str, Any]], precision: str) -> None:
    """Refuse a machine that decides otherwise.

    Raises:
        SetupError: other tokens, other logits than `TOLERANCE_NAT` allows, or another action of the same token.
    """
    allowed = TOLERANCE_NAT[precision]
    for number, (one, other) in enumerate(zip(recorded, here, strict=True)):
        # A value on the edge of a bin may fall on either side: logarithms differ in their last bit.
        if one["patches_crc32"] != other["patches_crc32"] or _apart(one["ids"], other["ids"]) > 1:
            raise _refused(f"the tokens of observation {number}", _shown(one["ids"]), _shown(other["ids"]))
        for key in (key for key in LOGITS if key in one):
            if not _apart(one[key], other[key]) <= allowed:  # NaN is not
                raise _refused(f"{key} of observation {number} to {allowed:g}", _shown(one[key]), _shown(other[key]))
        clear = np.array(one.get("logit_margin", other["logit_margin"])) > 2 * allowed
        same = np.equal(one["action_ids"], other["action_ids"])
        if (clear & ~same).any():
            raise _refused(
                f"the actions' tokens of observation {number}", _shown(one["action_ids"]), _shown(other["action_ids"])
            )
        action = one.get("action", other["action"])
        if not np.allclose(np.array(action)[same], np.array(other["action"])[same], rtol=0.0, atol=1e-9):
            raise _refused(f"the action of observation {number}", _shown(action), _shown(other["action"]))


def _apart(one: list, other: list) -> float:
    return float(np.abs(np.subtract(one, other)).max(initial=0.0)) if len(one) == len(other) else float("inf")


def _shown(values: list) -> str:
    return json.dumps(values[:8]) + ("..." if len(values) > 8 else "")


def _refused(what: str, expected: str, got: str) -> SetupError:
    return SetupError(
        expected=f"{what} as recorded with these weights, {expected}",
        got=f"{got} on this machine",
        fix="it computes other numbers: check precision, JAX and driver with `bench step`; if they are meant to be the "
        "numbers from now on: python -m gato_ros seal --golden FOLDER",
    )
