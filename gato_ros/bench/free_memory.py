"""The memory that is free, and the precisions of a policy that fit into it."""

from __future__ import annotations

from gato_ros.core.errors import SetupError
from gato_ros.data.free_memory import free_memory

BYTES_PER_PARAMETER = 4
COPY_BYTES = {"float32": 0.0, "bfloat16": 2.0, "bfloat16_weights": 2.0, "mixed": 2.0, "int8": 1.2}
"""What a precision needs beside the float32 parameters."""
HEADROOM = 1.6
"""Memory needed per byte of parameters: keys, values, activations, and the copy while they are made."""


def fitting_precisions(parameters: int, wanted: tuple[str, ...]) -> tuple[list[str], dict[str, str]]:
    """Precisions whose copies fit into the free memory, all at once since they are interleaved; the others by reason.

    Raises:
        SetupError: not even the float32 parameters fit.
    """
    free, fitting, left_out = free_memory(), [], {}
    needed = parameters * BYTES_PER_PARAMETER * HEADROOM
    if needed > free:
        raise SetupError(
            expected=f"{needed / 2**30:.1f} GiB of free memory for {parameters / 1e6:.0f} M parameters",
            got=f"{free / 2**30:.1f} GiB",
            fix="choose a smaller preset",
        )
    for precision in wanted:
        more = parameters * COPY_BYTES[precision]
        if needed + more > free:
            left_out[precision] = f"{(needed + more) / 2**30:.1f} GiB needed, {free / 2**30:.1f} GiB free"
        else:
            needed += more
            fitting.append(precision)
    return fitting, left_out
