"""Steps on a mesh beside the same steps on one device; prints the largest differences as JSON.

sharding_program.py FOLDER                          eight forced host devices; leaves the single device's results
sharding_program.py FOLDER PROCESS COORDINATOR      one of two processes of one device each; compares with those
sharding_program.py FOLDER train MESH STOP          the whole training loop on two devices, stopped after a step
"""

import json
import os
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

FOLDER = Path(sys.argv[1])
if len(sys.argv) != 4:
    devices = f"--xla_force_host_platform_device_count={8 if len(sys.argv) == 2 else 2}"
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {devices}"
os.environ["JAX_PLATFORMS"] = "cpu"

import jax  # noqa: E402
import numpy as np  # noqa: E402
import optax  # noqa: E402

from gato_ros.domains.rgb_stacking.supervision import StackingSupervision  # noqa: E402
from gato_ros.embodiments import load_embodiment  # noqa: E402
from gato_ros.models.gato import init, sequence_loss  # noqa: E402
from gato_ros.models.layout import BINS, CONTINUOUS_START, token_layout  # noqa: E402
from gato_ros.models.presets import PRESETS  # noqa: E402
from gato_ros.models.tokenizer import StepTokens  # noqa: E402
from gato_ros.training import checkpoint, sharding  # noqa: E402
from gato_ros.training.config import TrainingConfig  # noqa: E402
from gato_ros.training.examples import Batch  # noqa: E402
from gato_ros.training.loop import Schedule, train  # noqa: E402
from gato_ros.training.optimiser import optimiser, start  # noqa: E402
from gato_ros.training.step import measure, train_step  # noqa: E402
from gato_ros.training.supervision import AuxiliaryTargets  # noqa: E402

jax.config.update("jax_disable_most_optimizations", True)
sharding.LEAST_SPLIT = 64  # debug sizes are small
BATCH, STEPS = 16, 2
NO_GRADIENT = 1e-6
"""Adam divides a gradient by its own size. One this small is rounding, and so is the whole step that it makes."""
# The paper's rate.
CONFIG = TrainingConfig(steps=8, batch=BATCH, warmup_steps=1, learning_rate=1e-4)


def some_tokens(layout, *lead):
    rng = np.random.default_rng(0)
    size = layout.patch_size
    return StepTokens(
        rng.integers(0, 256, (*lead, layout.patches, size, size, 3), dtype=np.uint8),
        rng.integers(CONTINUOUS_START, CONTINUOUS_START + BINS, (*lead, layout.values), dtype=np.int32),
    )


def cloning():
    """(fresh state, step, batch) of the single-step training."""
    model = PRESETS["debug_one_pass"]
    layout, rng = token_layout(load_embodiment().spec, model), np.random.default_rng(1)
    truth = rng.normal(size=(BATCH, len(model.auxiliary))).astype(np.float32)
    nothing = np.zeros((BATCH, 0, 0), np.float32)
    batch = Batch(
        some_tokens(layout, BATCH),
        rng.integers(0, BINS, (BATCH, layout.actions), dtype=np.int32),
        AuxiliaryTargets(truth, np.ones_like(truth), nothing, nothing),
    )
    fresh = lambda: start(CONFIG, init(jax.random.key(0), model, layout))
    return fresh, partial(train_step, config=CONFIG, model=model, layout=layout), batch


def sequences():
    """The same for whole sequences: loss, gradients and AdamW over packed steps."""
    model = replace(PRESETS["debug"], layers=1)
    layout, adam = token_layout(load_embodiment().spec, model), optimiser(CONFIG)
    ids = np.random.default_rng(2).integers(CONTINUOUS_START, CONTINUOUS_START + BINS, (BATCH, 3, layout.actions))
    batch = (some_tokens(layout, BATCH, 3), ids.astype(np.int32))

    def fresh():
        params = init(jax.random.key(0), model, layout)
        return params, adam.init(params)

    def step(state, batch):
        params, optimiser = state
        loss, gradients = jax.value_and_grad(sequence_loss)(params, model, layout, *batch)
        updates, optimiser = adam.update(gradients, optimiser, params)
        return (optax.apply_updates(params, updates), optimiser), {"loss": loss, "gradients": gradients}

    return fresh, step, batch


def run(step, state, batch):
    values = []
    for _ in range(STEPS):
        state, value = step(state, batch)
        values.append(sharding.gathered(value))
    return sharding.gathered(state), values


def flat(result):
    return {
        jax.tree_util.keystr(path): np.asarray(leaf) for path, leaf in jax.tree_util.tree_flatten_with_path(result)[0]
    }


def differences(found, wanted):
    """The largest absolute difference of each kind of number, and the share of parameters that have no gradient.

    Those are compared apart, as `unmoved`.
    """
    assert set(found) == set(wanted)
    kinds, sizes = {}, {name.split(".nu")[1]: np.sqrt(value) for name, value in wanted.items() if ".nu[" in name}
    for name, value in wanted.items():
        kind = next((word for word in ("loss", "gradients", "optimiser", "params", "average") if word in name), "state")
        apart = np.abs(found[name] - value)
        own = next((size for suffix, size in sizes.items() if name.endswith(suffix)), None)
        if own is not None and not any(word in name for word in ("gradients", ".nu", ".mu")):
            lost = own < NO_GRADIENT
            kinds["unmoved"] = max(kinds.get("unmoved", 0.0), float(apart[lost].max(initial=0)))
            apart = apart[~lost]
        kinds[kind] = max(kinds.get(kind, 0.0), float(apart.max(initial=0)))
    without = sum(int((size < NO_GRADIENT).sum()) for size in sizes.values())
    return kinds | {"share_unmoved": without / max(1, sum(size.size for size in sizes.values()))}


def eight_devices():
    report = {}
    for name, work, shape in (("cloning", cloning, "data=2,fsdp=4"), ("sequences", sequences, "data=8")):
        fresh, step, batch = work()
        single = flat(run(jax.jit(step), fresh(), batch))
        np.savez(FOLDER / f"{name}.npz", **single)
        mesh = sharding.make_mesh(sharding.MeshShape.parse(shape))
        state = sharding.start_on(mesh, fresh) if name == "cloning" else sharding.place_state(fresh(), mesh)
        largest = max(jax.tree.leaves(state), key=lambda leaf: leaf.size)
        share = largest.addressable_shards[0].data.size / largest.size
        found = flat(run(sharding.on_mesh(step, state, mesh), state, batch))
        report[name] = {"differences": differences(found, single), "share": share}
    return report


def one_of_two(process, coordinator):
    sharding.join(coordinator, 2, process)
    fresh, step, batch = cloning()
    mesh = sharding.make_mesh(sharding.MeshShape(fsdp=2))
    whole = jax.device_get(fresh())
    state = sharding.place_state(whole, mesh)
    found = run(sharding.on_mesh(step, state, mesh), state, batch)
    record = checkpoint.run_record(CONFIG, PRESETS["debug_one_pass"], {"some": 1})
    checkpoint.save_checkpoint(FOLDER / "checkpoint", sharding.place_state(found[0], mesh), record)
    again = checkpoint.load_checkpoint(FOLDER / "checkpoint", sharding.place_state(whole, mesh), record)
    kept, written = flat(sharding.gathered(again)), flat(found[0])
    with np.load(FOLDER / "cloning.npz") as single:
        return {
            "differences": differences(flat(found), dict(single)),
            "checkpoint": max(float(np.abs(kept[name] - written[name]).max(initial=0)) for name in written),
            "processes": jax.process_count(),
            "devices": len(jax.devices()),
        }


class Same:
    """An objective with the same batch at every step."""

    def __init__(self):
        self.config, self.model, self.frames_per_step = CONFIG, PRESETS["debug_one_pass"], BATCH
        self.data_digest = None
        self.layout = token_layout(load_embodiment().spec, self.model)
        _, self.step, self._batch = cloning()

    def batches(self, first_step):
        return (self._batch for _ in range(first_step, CONFIG.steps))

    def measure(self, params):
        values = measure(params, self._batch, config=self.config, model=self.model, layout=self.layout)
        return {key: value for key, value in values.items() if key != "auxiliary_error"}  # the preset has two of them


def whole_loop(shape, stop):
    def report(progress):
        if progress.kind == "train" and progress.step > stop:
            raise KeyboardInterrupt

    mesh = sharding.make_mesh(sharding.MeshShape.parse(shape)) if shape != "none" else None
    try:
        result = train(
            Same(),
            load_embodiment(),
            StackingSupervision(),
            {"some": BATCH},
            FOLDER,
            Schedule(1, 4, 4),
            report,
            mesh=mesh,
        )
    except KeyboardInterrupt:
        return {"stopped": True}
    return {"steps": result["steps"], "loss": result["loss"]}


if __name__ == "__main__":
    work = {
        2: lambda: eight_devices(),
        4: lambda: one_of_two(int(sys.argv[2]), sys.argv[3]),
        5: lambda: whole_loop(sys.argv[3], int(sys.argv[4])),
    }
    print(json.dumps(work[len(sys.argv)]()))
