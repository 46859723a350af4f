"""The size and the choices of one Gato. What the paper leaves open is a named field with a default."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from gato_ros.core.errors import SetupError, unknown_name
from gato_ros.core.spec import StepSpec


@dataclass(frozen=True)
class Crop:
    """What is cut from each side of every image before patching [px]."""

    top: int = 0
    bottom: int = 0
    left: int = 0
    right: int = 0


@dataclass(frozen=True)
class Convolution:
    """One layer of a convolutional stem over the whole image, followed by GELU."""

    kernel: int
    """Side of the square kernel [px of its input]."""
    stride: int
    channels: int


@dataclass(frozen=True)
class GatoConfig:
    """One model. Hashable, so that it can be a static argument of a compiled function."""

    layers: int
    width: int
    heads: int
    head_size: int
    """Width of one head's keys and values."""
    feed_forward: int
    """TOTAL width of the GEGLU's first matrix: half gate, half value (gato.md section 3.2: 8192 -> 4096 + 4096)."""
    observation_keys: tuple[str, ...]
    """Contract keys the model sees; their tokens come in lexicographic order."""
    context_tokens: int | None = None
    """Length of the attention window [tokens]; None: exactly one control step, as on the paper's real robot."""
    action_decoding: Literal["autoregressive", "one_pass"] = "one_pass"
    """Actions one token after the other, or all in one pass with the action inputs zeroed (the robot variant)."""
    step_attention: Literal["causal", "full"] = "causal"
    """Within a step. "full" lets every token of the step see every other one; it needs `one_pass`."""
    attention_positions: Literal["relative", "none"] = "relative"
    """Order of all tokens: Transformer-XL (the paper's parameter counts force it), or none."""
    separator_position: Literal["none", "local"] = "none"
    """Whether the separator gets the local position after the last observation token. Not stated; GIA adds none."""
    action_positions: Literal["shared", "distinct"] = "shared"
    """One vector for all action tokens, starting at zero (all the paper says allows it), or one vector each."""
    continuous_encoding: Literal["mu_law", "range"] = "mu_law"
    """"mu_law": the paper; "range": bins over the contract's range (0.3 mm at x = 0.6 m instead of 12 mm)."""
    patch_size: int = 16
    """Side of an image patch [px]; one patch is one token."""
    crop: Crop = Crop()
    uncropped: tuple[str, ...] = ()
    """Images that `crop` does not count for: a game's screen is read whole by a model that crops a robot's cameras. The
    images of one step are all of the one kind or all of the other."""
    single_steps: tuple[tuple[str, ...], ...] = ()
    """The observations of specs whose steps are decided one by one: where these are observed, nothing of the steps
    before is remembered. Elsewhere an autoregressive model looks back by `context_tokens`."""
    stem: tuple[Convolution, ...] = ()
    """Empty: the paper's ResNet block inside each patch. Else convolutions over the whole image."""
    patch_block_channels: int = 64
    """Channels of the ResNet block (a multiple of `group_norm_groups`). Not given in the paper."""
    group_norm_groups: int = 32
    text_rows: int = 32000
    """Table rows for ids below 32000: text pieces and discrete values. A robot needs only its largest discrete id."""
    temperature: float = 0.0
    """Of action sampling; 0 takes the likeliest bin. Not stated in the paper."""
    dropout: float = 0.0
    """On the output of each sub-layer while training (the paper: 0.1, fine-tuning only)."""
    stochastic_depth: float = 0.0
    """Probability of skipping a sub-layer while training, per sequence (the paper: 0.1)."""
    auxiliary: tuple[str, ...] = ()
    """Names of the numbers that the separator's feature predicts while training; never part of shipped weights."""
    auxiliary_early_layer: int = 0
    """The auxiliary numbers are also read after this many layers; 0: not."""
    patch_auxiliary: tuple[str, ...] = ()
    """Names of the numbers that every image patch predicts after `auxiliary_early_layer` layers while training; never
    part of shipped weights."""
    continuous_rows: Literal["fourier", "random"] = "fourier"
    """Start of the table's continuous rows: Fourier features of the bin centre, so that near values start alike."""
    rematerialise: bool = False
    """Recompute each layer in the backward pass: less memory; on a CPU with long sequences also less time."""
    compute: Literal["float32", "bfloat16"] = "float32"
    """Precision of the matrix products; norms, softmax and losses stay float32."""
    attention: Literal["plain", "fused"] = "plain"
    """"fused": one kernel, cuDNN's on a GPU (bfloat16, heads of up to 256 in eights, even lengths while training).
    Relative scores go in as its bias, an array [batch heads length memory]: the softmax is fused, but memory stays
    quadratic in the length. On a CPU it is slower than "plain"."""
    vocabulary: str | None = None
    """sha256 of the SentencePiece model that the text ids belong to; None: the model knows no text."""
    generalist: bool = False
    """One set of weights for several specs: of `observation_keys` a spec has its own, and the shapes of the parameters
    depend on none of them."""

    def __post_init__(self) -> None:
        for name in (
            "continuous_encoding",
            "attention_positions",
            "action_decoding",
            "step_attention",
            "separator_position",
            "action_positions",
            "continuous_rows",
            "compute",
            "attention",
        ):
            allowed = typing.get_args(typing.get_type_hints(GatoConfig)[name])
            if getattr(self, name) not in allowed:
                raise unknown_name(name, str(getattr(self, name)), allowed)
        sizes = (
            self.layers,
            self.width,
            self.heads,
            self.head_size,
            self.feed_forward,
            self.patch_size,
            self.text_rows,
        )
        self._require(all(size > 0 for size in sizes), "sizes above zero", sizes)
        self._require(all(min(dataclasses.astuple(layer)) > 0 for layer in self.stem), "a stem above zero", self.stem)
        self._require(all(layer.kernel >= layer.stride for layer in self.stem), "kernels that skip no pixel", self.stem)
        self._require(min(dataclasses.astuple(self.crop)) >= 0, "a crop of zero or more", self.crop)
        self._require(self.feed_forward % 2 == 0, "an even feed_forward", self.feed_forward)
        self._require(
            not self.stem or self.patch_size % self.stem_stride == 0,
            f"stem strides whose product divides the patch of {self.patch_size} px",
            self.stem_stride,
        )
        self._require(
            bool(self.stem) or self.patch_block_channels % self.group_norm_groups == 0,
            f"patch_block_channels as a multiple of {self.group_norm_groups}",
            self.patch_block_channels,
        )
        self._require(bool(self.stem) or self.patch_size % 4 == 0, "a patch_size that 4 divides", self.patch_size)
        self._require(
            (self.context_tokens is None) == (self.action_decoding == "one_pass"),
            "one_pass with context_tokens None, or autoregressive with a window",
            self.context_tokens,
        )
        self._require(
            self.step_attention == "causal" or self.action_decoding == "one_pass",
            "causal attention with autoregressive decoding",
            self.step_attention,
        )
        for name in ("dropout", "stochastic_depth"):
            self._require(0 <= getattr(self, name) < 1, f"{name} in [0, 1)", getattr(self, name))
        self._require(
            0 <= self.auxiliary_early_layer < self.layers,
            "auxiliary_early_layer below layers",
            self.auxiliary_early_layer,
        )
        self._require(
            not self.patch_auxiliary or (bool(self.auxiliary) and self.auxiliary_early_layer > 0),
            "patch_auxiliary beside auxiliary and after a layer",
            self.auxiliary_early_layer,
        )

    @staticmethod
    def _require(holds: bool, expected: str, got: Any) -> None:
        if not holds:
            raise SetupError(expected=expected, got=repr(got), fix="change the model's configuration")

    def keys_of(self, spec: StepSpec) -> tuple[str, ...]:
        """The observations of a step that the model reads, in token order; of a generalist those that the spec has."""
        keys = sorted(set(self.observation_keys))
        return tuple(key for key in keys if not self.generalist or key in spec.observations)

    def crop_of(self, image_keys: Iterable[str]) -> Crop:
        """What is cut from the images of a step; SetupError where only some of them are `uncropped`."""
        kept = {key in self.uncropped for key in image_keys}
        self._require(len(kept) < 2, "images of a step that are all cropped, or none", self.uncropped)
        return Crop() if True in kept else self.crop

    def remembers(self, keys: Iterable[str]) -> bool:
        """Whether an action may depend on the steps before, where the model reads these observations."""
        return self.context_tokens is not None and tuple(sorted(keys)) not in self.single_steps

    @property
    def stem_stride(self) -> int:
        """Pixels per cell after the convolutional stem."""
        product = 1
        for layer in self.stem:
            product *= layer.stride
        return product

    @property
    def window(self) -> int:
        """`context_tokens` of a model with a memory; ValueError for one without."""
        if self.context_tokens is None:
            raise ValueError("a model of single steps has no attention window")
        return self.context_tokens

    def deployed(self) -> GatoConfig:
        """Without the heads that only shape the features in training."""
        return dataclasses.replace(self, auxiliary=(), auxiliary_early_layer=0, patch_auxiliary=())

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; `config_from_dict` is the inverse."""
        values = dataclasses.asdict(self)
        for name in ("uncropped", "single_steps"):
            if not values[name]:  # a run from before that field goes on
                del values[name]
        return values


def config_from_dict(values: dict[str, Any]) -> GatoConfig:
    """The config written by `GatoConfig.to_dict`.

    Raises:
        SetupError: an unknown or a missing key, or a value that makes no model.
    """
    fields = {field.name: field for field in dataclasses.fields(GatoConfig)}
    for key in values:
        if key not in fields:
            raise unknown_name("a key of a model's configuration", key, fields)
    values = dict(values)
    try:
        values["crop"] = Crop(**values.get("crop", {}))
        values["stem"] = tuple(Convolution(**layer) for layer in values.get("stem", ()))
        for key in ("observation_keys", "auxiliary", "patch_auxiliary", "uncropped"):
            values[key] = tuple(values.get(key, ()))
        values["single_steps"] = tuple(tuple(keys) for keys in values.get("single_steps", ()))
        return GatoConfig(**values)
    except TypeError as error:
        raise SetupError(
            expected="a model's configuration", got=str(error), fix="use the config.json of the weights"
        ) from None
