"""What a step costs by arithmetic: multiply-adds and bytes, counted from the shapes; nothing is traced.

Counted are the matrix products, attention, relative scores, convolutions and the head, two operations per multiply-add;
not norms, activations and softmax. Bytes are the weights, keys, values and relative codes that every phase has to read
once. The least time of a phase is the longer of operations over the machine's rate and bytes over its bandwidth.
"""

from __future__ import annotations

from dataclasses import dataclass

from gato_ros.models.config import GatoConfig
from gato_ros.models.layout import BINS, TokenLayout
from gato_ros.models.serving.streaming import ring_slots
from gato_ros.models.table import table_rows

_WEIGHT_BYTES = {"float32": (4, 4), "bfloat16": (2, 2), "bfloat16_weights": (2, 2), "mixed": (2, 4), "int8": (1, 1)}
"""Bytes of a weight in many rows at once, and in a decode."""
_HALF_MEMORY = ("bfloat16", "int8")
"""Precisions whose keys, values and attention are bfloat16."""


@dataclass(frozen=True)
class Phase:
    """One pass over the weights."""

    name: str
    products: float
    """Operations of products with weights."""
    attention: float
    """Operations between activations: scores, relative scores, weighted values."""
    bytes: float
    product_bits: int
    """32 or 16: which of the machine's rates bounds the products."""
    attention_bits: int
    times: int = 1

    def least_s(self, rates: dict[str, float]) -> float:
        """The least time of all its repetitions [s] on a machine of these `rates` (`machine.measured_rates`)."""
        operations = (
            self.products / rates[f"flops_{self.product_bits}_per_s"]
            + self.attention / rates[f"flops_{self.attention_bits}_per_s"]
        )
        return self.times * max(operations, self.bytes / rates["bytes_per_s"])


def core_parameters(config: GatoConfig) -> int:
    """Numbers in the layers' matrices; without table, stem, norms and biases."""
    return config.layers * _layer_matrices(config)


def streaming_phases(config: GatoConfig, layout: TokenLayout, precision: str = "float32") -> list[Phase]:
    """A control step of `streaming.stream_step`: one chunk, then a decode for each action but the last."""
    chunk, slots = layout.observation_tokens + 2, ring_slots(config, layout)
    memory = 2 + (config.attention_positions == "relative")
    many, one = _WEIGHT_BYTES[precision]
    memory_bytes = config.layers * slots * _inner(config) * memory * (2 if precision in _HALF_MEMORY else 4)
    head = 2 * BINS * config.width

    def phase(name: str, tokens: int, size: int, products: float, read: float, times: int = 1) -> Phase:
        # Behind the keys and values of the last layer only the newest token is computed.
        layers = 2.0 * ((config.layers - 1) * tokens + 1) * _layer_products(config)
        layers += 2.0 * (tokens - 1) * 2 * config.width * _inner(config)
        attention = (config.layers - 1) * _attention(config, tokens, slots, slots) + _attention(config, 1, slots, slots)
        read += size * (core_parameters(config) - _relative(config) * config.layers + BINS * config.width)
        half = precision in _HALF_MEMORY or (tokens > 1 and many == 2)
        return Phase(
            name,
            layers + products + head,
            attention,
            read + memory_bytes,
            16 if size < 4 else 32,
            16 if half else 32,
            times,
        )

    return [
        phase("prefill", chunk, many, stem_operations(config, layout), stem_weights(config) * many),
        phase("decode", 1, one, 0.0, 0.0, layout.actions - 1),
    ]


def one_pass_phases(config: GatoConfig, layout: TokenLayout, precision: str = "float32") -> list[Phase]:
    """A control step of `gato.forward_step`: all tokens once, the last layer's outputs only for what is read."""
    length, size = layout.step_tokens, _WEIGHT_BYTES[precision][0]
    products, attention = _forward(config, length, layout.actions + 1)
    products += _codes(config, length) + stem_operations(config, layout) + 2 * layout.actions * BINS * config.width
    read = size * (core_parameters(config) + stem_weights(config) + BINS * config.width)
    return [
        Phase("forward", products, attention, read, 16 if size < 4 else 32, 16 if precision in _HALF_MEMORY else 32)
    ]


def recompute_phases(config: GatoConfig, layout: TokenLayout, steps: int) -> list[Phase]:
    """A control step of `recompute.RecomputedStep`: the whole context once per action."""
    length = steps * layout.step_tokens
    products, attention = _forward(config, length)
    products += _codes(config, length) + steps * stem_operations(config, layout) + 2 * BINS * config.width
    read = 4 * (core_parameters(config) + stem_weights(config) + BINS * config.width)
    return [Phase("forward", products, attention, read, 32, 32, layout.actions)]


def training_operations(config: GatoConfig, layout: TokenLayout, batch: int, steps: int | None) -> float:
    """Of a gradient step: three times the forward pass; what is recomputed to save memory is not counted.

    Args:
        steps: control steps in each packed sequence; None for single-step cloning.
    """
    length = (steps or 1) * layout.step_tokens
    products, attention = _forward(config, length, layout.actions + 1 if steps is None else None)
    rows = BINS if steps is None else table_rows(config)
    products += (steps or 1) * (stem_operations(config, layout) + 2 * layout.actions * rows * config.width)
    # The codes of the distances are projected once for the whole batch.
    return 3.0 * (batch * (products + attention) + _codes(config, length))


def stem_operations(config: GatoConfig, layout: TokenLayout) -> float:
    """Of the image patches of one step."""
    return 2.0 * layout.patches * sum(cells * weights for cells, weights in _stem(config))


def stem_weights(config: GatoConfig) -> int:
    return sum(weights for _, weights in _stem(config))


def _stem(config: GatoConfig) -> list[tuple[float, int]]:
    """(places per patch, weights) of every convolution and of the last product."""
    size, rows = config.patch_size, []
    if not config.stem:
        channels = config.patch_block_channels
        rows = [((size / 2) ** 2, 27 * channels)] + 2 * [((size / 2) ** 2, 9 * channels**2)]
        return [*rows, (1, (size // 4) ** 2 * channels * config.width)]
    inputs = 3
    for layer in config.stem:
        size //= layer.stride
        rows.append((size**2, layer.kernel**2 * inputs * layer.channels))
        inputs = layer.channels
    return [*rows, (1, size**2 * inputs * config.width)]


def _inner(config: GatoConfig) -> int:
    return config.heads * config.head_size


def _relative(config: GatoConfig) -> int:
    return config.width * _inner(config) if config.attention_positions == "relative" else 0


def _layer_products(config: GatoConfig) -> int:
    """Weights that every token meets in a layer."""
    return 4 * config.width * _inner(config) + config.width * config.feed_forward * 3 // 2


def _layer_matrices(config: GatoConfig) -> int:
    return _layer_products(config) + _relative(config)


def _attention(config: GatoConfig, queries: int, keys: int, distances: int) -> float:
    relative = 2.0 * queries * distances * _inner(config) if config.attention_positions == "relative" else 0.0
    return 4.0 * queries * keys * _inner(config) + relative


def _distances(config: GatoConfig, length: int) -> int:
    return 2 * length if config.step_attention == "full" else length


def _codes(config: GatoConfig, length: int) -> float:
    """Projecting the codes of all distances, in every layer."""
    return 2.0 * config.layers * _distances(config, length) * _relative(config)


def _forward(config: GatoConfig, length: int, outputs: int | None = None) -> tuple[float, float]:
    """(products, attention) of the layers over `length` tokens; the last layer only for `outputs` of them."""
    kept, keys_and_values = outputs or length, 2 * config.width * _inner(config)
    whole = 2.0 * length * _layer_products(config)
    last = 2.0 * (length * keys_and_values + kept * (_layer_products(config) - keys_and_values))
    attention = (config.layers - 1) * _attention(config, length, length, _distances(config, length)) + _attention(
        config, kept, length, _distances(config, length)
    )
    return (config.layers - 1) * whole + last, attention
