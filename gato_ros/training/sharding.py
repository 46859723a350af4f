"""Training over many devices by JAX's own SPMD partitioner: where each array of a run lies.

Two axes: over `data` the batch is split and the state repeated; over `fsdp` both are split, so that no device holds
the whole state. The step is the one of a single device; XLA adds the communication.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from gato_ros.core.errors import SetupError

AXES = ("data", "fsdp")
LEAST_SPLIT = 4096
"""Arrays with fewer numbers are repeated: gathering them would cost more than they take."""


@dataclass(frozen=True)
class MeshShape:
    """How many devices along each axis."""

    data: int = 1
    fsdp: int = 1

    @staticmethod
    def parse(text: str) -> MeshShape:
        """From "data=4,fsdp=2"; an axis that is not named has one device."""
        parts = dict(part.partition("=")[::2] for part in text.split(","))
        if set(parts) - set(AXES) or not all(size.isdigit() and int(size) for size in parts.values()):
            raise SetupError(expected="a mesh like data=4,fsdp=2", got=repr(text), fix="name data and fsdp only")
        return MeshShape(**{name: int(size) for name, size in parts.items()})


def join(coordinator: str, processes: int, process: int) -> None:
    """Make this process one of several that train together; before anything else uses JAX.

    Args:
        coordinator: host:port on which process 0 listens.
    """
    if not 0 <= process < processes:
        raise SetupError(expected=f"a process of 0 to {processes - 1}", got=str(process), fix="number them from 0")
    # Ignored where the devices are no CPUs.
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    jax.distributed.initialize(coordinator, processes, process)


def make_mesh(shape: MeshShape) -> Mesh:
    """All devices of all processes as a mesh.

    Raises:
        SetupError: another number of devices.
    """
    devices = jax.devices()
    if len(devices) != shape.data * shape.fsdp:
        raise SetupError(
            expected=f"data x fsdp = {len(devices)}, the devices there are",
            got=f"{shape.data} x {shape.fsdp}",
            fix="change --mesh, or XLA_FLAGS or --processes",
        )
    return Mesh(np.array(devices).reshape(shape.data, shape.fsdp), AXES)


def array_sharding(leaf: Any, mesh: Mesh) -> NamedSharding:
    """Along `fsdp` the longest axis that it divides (the last of equals); small arrays lie on every device."""
    size = mesh.shape["fsdp"]
    divisible = [axis for axis in range(len(leaf.shape)) if leaf.shape[axis] % size == 0]
    if size == 1 or not divisible or int(np.prod(leaf.shape)) < LEAST_SPLIT:
        return NamedSharding(mesh, PartitionSpec())
    split = max(divisible, key=lambda axis: (leaf.shape[axis], axis))
    return NamedSharding(mesh, PartitionSpec(*(None,) * split, "fsdp"))


def state_sharding(state: Any, mesh: Mesh) -> Any:
    """The tree of shardings of a state (parameters, average, optimiser: all follow the shapes of the parameters)."""
    return jax.tree.map(lambda leaf: array_sharding(leaf, mesh), state)


def place_state(state: Any, mesh: Mesh) -> Any:
    """`state`, which every process has whole, laid out over the mesh."""
    return jax.tree.map(_laid_out, state, state_sharding(state, mesh))


def place_batch(batch: Any, mesh: Mesh) -> Any:
    """`batch`, which every process has whole (it is a function of seed and step), split along its first axis.

    Raises:
        SetupError: the devices do not divide the batch.
    """

    def split(leaf: Any) -> Any:
        if leaf.shape[0] % mesh.size:
            raise SetupError(
                expected=f"a batch that the {mesh.size} devices divide",
                got=str(leaf.shape[0]),
                fix="change --training.batch or --mesh",
            )
        return _laid_out(leaf, NamedSharding(mesh, PartitionSpec(AXES)))

    return jax.tree.map(split, batch)


def start_on(mesh: Mesh, make_state: Callable[[], Any]) -> Any:
    """What `make_state` would return, made in place: no device ever holds the whole."""
    return jax.jit(make_state, out_shardings=state_sharding(jax.eval_shape(make_state), mesh))()


def on_mesh(step: Callable[[Any, Any], tuple[Any, Any]], state: Any, mesh: Mesh) -> Callable[[Any, Any], Any]:
    """`step(state, batch) -> (state, values)` compiled for the mesh; the new state lies where the old one did."""
    everywhere = NamedSharding(mesh, PartitionSpec())
    compiled = jax.jit(step, donate_argnums=0, out_shardings=(state_sharding(state, mesh), everywhere))
    return lambda state, batch: compiled(state, place_batch(batch, mesh))


def gathered(tree: Any) -> Any:
    """Every array whole, as numpy, on every process; all processes call it together."""
    if jax.process_count() == 1:
        return jax.device_get(tree)
    return multihost_utils.process_allgather(tree, tiled=True)


def agreed(value: float) -> float:
    """What the first process has, on every process, to float32; all processes call it together."""
    if jax.process_count() == 1:
        return value
    return float(multihost_utils.broadcast_one_to_all(np.float32(value)))


def _laid_out(leaf: Any, sharding: NamedSharding) -> jax.Array:
    whole = np.asarray(leaf)
    return jax.make_array_from_callback(whole.shape, sharding, lambda index: whole[index])
