"""What is observed and done in one step: names, kinds, shapes, units and ranges.

A robot's contract has one (`Embodiment.spec`), a game has one. The token layout is a function of a spec and of a
model's configuration, and of nothing else. The kinds are those of Gato section 2.1: images, continuous values,
discrete values, text. The idea is that of `dm_env.specs` and of `gymnasium.spaces`.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import ClassVar, Literal, Union

import numpy as np

from gato_ros.core.errors import SetupError, unknown_name

LARGEST_DISCRETE = 1024
"""Discrete values lie in [0, 1024) (Gato section 2.1)."""


@dataclass(frozen=True)
class ImageSpec:
    """A picture: uint8 [height width 3], RGB."""

    height: int
    """[px]"""
    width: int
    """[px]"""
    kind: ClassVar[Literal["image"]] = "image"

    def __post_init__(self) -> None:
        _require(self.height > 0 and self.width > 0, "an image of at least one pixel", f"{self.height} x {self.width}")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of one value."""
        return (self.height, self.width, 3)

    @property
    def dtype(self) -> type:
        """Of one value."""
        return np.uint8


@dataclass(frozen=True)
class ContinuousSpec:
    """A vector of finite numbers with its working range: float32 [size].

    A reading may leave the range; it is what encodings map to [-1, 1]. Without a range (both empty sides infinite)
    a value is encoded by the mu-law only.
    """

    lower: tuple[float, ...]
    upper: tuple[float, ...]
    units: tuple[str, ...]
    """One for each value; "1" for a number without a unit."""
    binary: bool = False
    """Of an action: each value is one of its two bounds, and the nearer one is taken."""
    kind: ClassVar[Literal["continuous"]] = "continuous"

    def __post_init__(self) -> None:
        sizes = (len(self.lower), len(self.upper), len(self.units))
        _require(len(set(sizes)) == 1 and sizes[0] > 0, "as many lower and upper bounds as units, at least one", sizes)
        _require(
            not any(map(math.isnan, (*self.lower, *self.upper)))
            and all(low < high for low, high in zip(self.lower, self.upper)),
            "each lower bound below its upper bound",
            f"{self.lower} and {self.upper}",
        )
        _require(not self.binary or self.bounded, "finite bounds for binary values", f"{self.lower} and {self.upper}")

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one value."""
        return (len(self.lower),)

    @property
    def dtype(self) -> type:
        """Of one value."""
        return np.float32

    @property
    def bounded(self) -> bool:
        """Whether every bound is finite."""
        return all(map(math.isfinite, (*self.lower, *self.upper)))


@dataclass(frozen=True)
class DiscreteSpec:
    """Integers in [0, values): float32 [size] among observations, as robots publish numbers."""

    values: int
    size: int = 1
    kind: ClassVar[Literal["discrete"]] = "discrete"

    def __post_init__(self) -> None:
        _require(2 <= self.values <= LARGEST_DISCRETE, f"2 to {LARGEST_DISCRETE} discrete values", self.values)
        _require(self.size > 0, "at least one discrete value", self.size)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one value."""
        return (self.size,)

    @property
    def dtype(self) -> type:
        """Of one value."""
        return np.float32


@dataclass(frozen=True)
class TextSpec:
    """A text: its UTF-8 bytes as float32 [size_bytes], then zeros (`core.text`): recorded like any other value."""

    size_bytes: int
    """Room for the bytes."""
    tokens: int
    """It always takes so many tokens: a step has one length."""
    kind: ClassVar[Literal["text"]] = "text"

    def __post_init__(self) -> None:
        _require(self.size_bytes > 0 and self.tokens > 0, "room for a text", f"{self.size_bytes} B, {self.tokens}")

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one value."""
        return (self.size_bytes,)

    @property
    def dtype(self) -> type:
        """Of one value."""
        return np.float32


Spec = Union[ImageSpec, ContinuousSpec, DiscreteSpec, TextSpec]
KINDS: dict[str, type] = {kind.kind: kind for kind in (ImageSpec, ContinuousSpec, DiscreteSpec, TextSpec)}


class SpecMapping(Mapping[str, Spec]):
    """Key -> spec, in a fixed order. Hashable."""

    def __init__(self, specs: Mapping[str, Spec]):
        self._specs = dict(specs)
        for key, spec in self._specs.items():
            _require(isinstance(key, str) and key, "keys that are names", repr(key))
            _require(type(spec) in KINDS.values(), f"a spec for {key!r}", type(spec).__name__)

    def __getitem__(self, key: str) -> Spec:
        return self._specs[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._specs)

    def __len__(self) -> int:
        return len(self._specs)

    def __hash__(self) -> int:
        return hash(tuple(self._specs.items()))

    def __eq__(self, other: object) -> bool:
        """The order counts: it is the order of the tokens."""
        return isinstance(other, SpecMapping) and list(self._specs.items()) == list(other._specs.items())

    def __repr__(self) -> str:
        return repr(self._specs)


@dataclass(frozen=True)
class StepSpec:
    """One step: what is seen, then what is done. Hashable."""

    observations: SpecMapping
    """In lexicographic order of their keys: the order of their tokens (Gato section 2.1)."""
    actions: SpecMapping
    """In the order in which they are decided. No image is an action."""

    @staticmethod
    def of(observations: Mapping[str, Spec], actions: Mapping[str, Spec]) -> StepSpec:
        """A spec from plain mappings.

        Raises:
            SetupError: a value that is no spec, or an image among the actions.
        """
        for key, spec in actions.items():
            _require(spec.kind != "image", "actions that are numbers or text", f"{key!r}, an image")
        return StepSpec(SpecMapping(dict(sorted(observations.items()))), SpecMapping(actions))

    def observation(self, key: str) -> Spec:
        """The observation of that key; SetupError with the nearest key if there is none."""
        if key not in self.observations:
            raise unknown_name("an observation", key, self.observations)
        return self.observations[key]

    def only(self, observation_keys: tuple[str, ...]) -> StepSpec:
        """The same step with these observations alone; SetupError for a key that it lacks."""
        return StepSpec.of({key: self.observation(key) for key in observation_keys}, self.actions)

    @cached_property
    def digest(self) -> str:
        """sha256 over keys, kinds, shapes, units and ranges; travels with what was made for the spec."""
        text = json.dumps(step_spec_to_dict(self), separators=(",", ":"), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def step_spec_to_dict(spec: StepSpec) -> dict:
    """Plain values for JSON; `step_spec_from_dict` is the inverse.

    Lists, as the order of actions counts. An infinite bound is null: JSON has no infinity.
    """
    return {
        side: [{"key": key, "kind": one.kind, **_plain(one)} for key, one in getattr(spec, side).items()]
        for side in ("observations", "actions")
    }


def _plain(spec: Spec) -> dict:
    values = asdict(spec)
    for side in ("lower", "upper"):
        if side in values:
            values[side] = [bound if math.isfinite(bound) else None for bound in values[side]]
    return values


def step_spec_from_dict(values: Mapping) -> StepSpec:
    """Inverse of `step_spec_to_dict`.

    Raises:
        SetupError: an unknown kind, or fields that make no spec.
    """
    try:
        return StepSpec.of(*({one["key"]: _spec(one) for one in values[side]} for side in ("observations", "actions")))
    except (KeyError, TypeError) as error:
        raise SetupError(
            expected="a step's spec", got=f"{type(error).__name__}: {error}", fix="write it anew"
        ) from None


def _spec(values: Mapping) -> Spec:
    if values["kind"] not in KINDS:
        raise unknown_name("a kind of spec", str(values["kind"]), KINDS)
    fields = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
    del fields["key"], fields["kind"]
    for side, infinite in (("lower", -math.inf), ("upper", math.inf)):
        if side in fields:
            fields[side] = tuple(infinite if bound is None else bound for bound in fields[side])
    return KINDS[values["kind"]](**fields)


def _require(holds: object, expected: str, got: object) -> None:
    if not holds:
        raise SetupError(expected=expected, got=str(got), fix="correct the spec")
