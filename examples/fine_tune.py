"""Fine-tune a shipped policy on a few demonstrations of another task.

    fine_tune.py [FOLDER [DEMONSTRATIONS STEPS [OPTIONS OF train]]]

The defaults are quick and show the way; docs/benchmarks/studies.md has what 100 demonstrations and 1,500 steps reach.
"""

import sys
from pathlib import Path

from gato_ros.cli import main


def verb(*arguments):
    """One verb as on the command line; ends here if it fails."""
    try:
        main([str(argument) for argument in arguments])
    except SystemExit as end:
        if end.code:
            raise


if __name__ == "__main__":  # `collect` starts processes, which import this file
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "out/fine_tune")
    demonstrations, steps, *options = sys.argv[2:] if len(sys.argv) > 3 else (10, 50)
    data, run = folder / "demonstrations", folder / "run"
    verb("collect", "--out", data, "--task", "blue_on_green", "--episodes", demonstrations, "--seed", 1000)
    verb("train", "--init", "sawyer_mastery", "--data", data, "--out", run, "--training.steps", steps, *options)
    verb("evaluate", "--policy", run / "last", "--task", "blue_on_green", "--episodes", 1)
