"""What `bench shards` runs in processes of its own: a training from shards, and blocks of steps of both kinds of data.

The last line that each prints is its result.
"""

from __future__ import annotations

import json
import re
import resource
import sys
import time
from pathlib import Path
from typing import Any

CHECKPOINTS = 20
"""In a training, so that there was one before memory is looked at for the first time."""
EQUAL_BATCHES = 5
"""So many of both kinds of data are compared, bit by bit."""


def main(begun_s: str, part: str, *words: str) -> None:
    """Run `train FOLDER OUT STEPS` or `speed FOLDER BLOCKS STEPS`.

    Args:
        begun_s: time.monotonic() at the start of the process.
    """
    result = {"train": _train, "speed": _speed}[part](float(begun_s), *words)
    print(json.dumps(result))


def _objective(folder: Path, steps: int, stream_above_gb: float) -> Any:
    """The training from the walks of a folder, as `sequence_objective` makes it."""
    from gato_ros.bench.shards.walks import MODEL, MOVE, SPEC, recipe
    from gato_ros.evaluation.training_run.data import VALIDATION_SHARE, training_recordings
    from gato_ros.evaluation.training_run.streaming import Room, streamed_folders
    from gato_ros.models.layout import token_layout
    from gato_ros.training.batches.streamed import StreamedWindows
    from gato_ros.training.mixing import mixing_weights
    from gato_ros.training.sequence import Sequences
    from gato_ros.training.supervision import ActionsOnly
    from gato_ros.training.windows import Windows

    config, layout, known = recipe(steps), token_layout(SPEC, MODEL), ActionsOnly((MOVE,))
    what = ((folder,), None, config.return_share, VALIDATION_SHARE, mixing_weights(()))
    found = streamed_folders(*what, Room.of(stream_above_gb))
    if found is not None:
        windows = [StreamedWindows.of(one, layout, known, False) for one in found[:2]]
    else:
        windows = [Windows.of(some, layout, known, auxiliary=False) for some in training_recordings(*what)[:2]]
    return Sequences(config, MODEL, layout, *windows)


def _train(begun_s: float, folder: str, out: str, steps: str) -> dict[str, float]:
    """The real loop; what it took until the first batch, and the memory after every tenth of the steps."""
    from gato_ros.bench.shards.walks import HEAD
    from gato_ros.core.contract import SpecContract
    from gato_ros.training.loop import Progress, Schedule, train
    from gato_ros.training.supervision import ActionsOnly

    import_s, import_cpu_s, last = time.monotonic() - begun_s, time.process_time(), int(steps)
    objective = _objective(Path(folder), last, 0.0)
    objective.batch_of_step(objective.config.seed, 0)
    found = {
        "start_s": time.monotonic() - begun_s,
        "start_cpu_s": time.process_time(),
        "import_s": import_s,
        "data_cpu_s": time.process_time() - import_cpu_s,
    }
    found["data_s"] = found["start_s"] - import_s

    def report(progress: Progress) -> None:
        if progress.kind == "validation":
            found[f"peak_at_{progress.step}"], found[f"now_at_{progress.step}"] = _memory_mib()

    train(
        objective,
        SpecContract("walks", HEAD.spec),
        ActionsOnly(("move",)),
        {"walks": len(objective.training)},
        Path(out),
        Schedule(log=last // 10, validate=last // 10, checkpoint=last // CHECKPOINTS),
        report,
    )
    return {**found, "steps_in_data": len(objective.training)}


def _memory_mib() -> tuple[float, float]:
    """The largest resident memory until now, and that of now."""
    now = re.search(r"VmRSS:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert now is not None, "Linux says it"
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, int(now[1]) / 1024


def _speed(begun_s: float, folder: str, blocks: str, steps: str) -> dict[str, Any]:
    """Seconds of alternating blocks of steps; each block makes its batches one ahead, from its first one on."""
    import jax

    from gato_ros.models.gato import init
    from gato_ros.training.examples import made_ahead
    from gato_ros.training.optimiser import start

    each = int(steps)
    kinds = {"memory": _objective(Path(folder), 2, 1e9), "shards": _objective(Path(folder), 2, 0.0)}
    memory, shards = kinds.values()
    for step in range(EQUAL_BATCHES):
        both = [jax.tree.leaves(one.batch_of_step(one.config.seed, step)) for one in kinds.values()]
        if not all((a.dtype, a.tobytes()) == (b.dtype, b.tobytes()) for a, b in zip(*both)):
            raise AssertionError(f"the batches of step {step} differ")
    state = start(memory.config, init(jax.random.key(0), memory.model, memory.layout))
    state, _ = memory.step(state, memory.batch_of_step(0, 0))
    jax.block_until_ready(state)  # compiled
    seconds: dict[str, list[float]] = {name: [] for name in kinds}
    cpu: dict[str, list[float]] = {name: [] for name in kinds}
    for block in range(int(blocks)):
        for name in sorted(kinds, reverse=bool(block % 2)):
            objective, first = kinds[name], block * each
            began_s, began_cpu_s = time.monotonic(), time.process_time()
            for batch in made_ahead(lambda step, made=objective: made.batch_of_step(0, step), first, first + each):
                state, _ = objective.step(state, batch)
            jax.block_until_ready(state)
            seconds[name].append(time.monotonic() - began_s)
            cpu[name].append(time.process_time() - began_cpu_s)
    return {
        "seconds": seconds,
        "cpu_seconds": cpu,
        "batch_cpu_ms": {name: _batch_ms(one) for name, one in kinds.items()},
    }


def _batch_ms(objective: Any) -> float:
    """Processor time of a batch by itself [ms]."""
    began_s = time.process_time()
    for step in range(1000, 1020):
        objective.batch_of_step(0, step)
    return (time.process_time() - began_s) / 20 * 1e3


if __name__ == "__main__":
    main(*sys.argv[1:])
