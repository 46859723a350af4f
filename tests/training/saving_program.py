"""Saves checkpoints without end, printing the number of each that is complete; somebody kills it. Argument: a folder.

With `check` as a second argument: print the number of the checkpoint there and end.
"""

import sys
from pathlib import Path

import numpy as np

from gato_ros.models.presets import PRESETS
from gato_ros.training.checkpoint import load_checkpoint, run_record, save_checkpoint
from gato_ros.training.config import TrainingConfig
from gato_ros.training.optimiser import TrainingState

RECORD = run_record(TrainingConfig(), PRESETS["debug_one_pass"], {"some": 3})


def state(number: int) -> TrainingState:
    """A small one: what counts is how often it is on its way to the disk."""
    values = {"one": np.full((64, 64), number, np.float32), "two": np.full(7, number, np.float32)}
    return TrainingState(*(values if name == "params" else np.asarray(number) for name in TrainingState._fields))


def main() -> None:
    folder = Path(sys.argv[1])
    found = load_checkpoint(folder, state(0), RECORD)
    number = 0 if found is None else int(np.asarray(found.params["one"])[0, 0])
    if found is not None:
        assert all((np.asarray(leaf) == number).all() for leaf in found.params.values())
    print(number, flush=True)
    while "check" not in sys.argv:
        number += 1
        save_checkpoint(folder, state(number), RECORD)
        print(number, flush=True)


if __name__ == "__main__":
    main()
