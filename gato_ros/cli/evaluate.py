"""Success rates of a policy over object sets, with 95 % Wilson intervals.

Episode k of a set uses seed S+k, so that two policies meet the same starts. The result does not depend on the
number of workers: each computes with one thread.

How robust is it? `--perturb all --level medium` runs every episode in the plain world and again with each
disturbance, from the same start, and says how many points of success each one costs.

Perception or control? `--world NAME` plays the same starts in a world that no training touches. `--policy expert` reads
ground truth there. Where the expert stacks and the policy does not, perception failed; where neither does, control
(docs/explanation/held_out_worlds.md).

Is it better? `--json new.json --against old.json` compares episode by episode: which did both stack, which only
one? The p-value says how easily chance makes such a split; the interval says how large the difference may be.
`--result new.json --against old.json` does so for two files and runs nothing; one of them may be the report.json of
`sim`, to see what real time over ROS 2 costs.

Does a demonstration help? `--prompt FILE_OR_FOLDER` runs every episode without a prompt, after the first steps of a
recorded episode, and after its last ones (the goal), from the same start. Of a folder, episode S takes file S modulo
their number.

Without a simulator: `--offline FOLDER` says how far the policy's actions are from those in recorded episodes, beside
the mean action and beside doing the same again. It is no success rate: a policy that errs little can still fail.

Why does it fail? `--video FOLDER` films failed episodes, side by side.

For others to read: `--report PAGE.html` puts rates, pairs, films of successes and failures, and all hashes on one page.

With `--json FILE` nothing is lost to an interruption: episodes go to FILE.partial.jsonl as they come, and the same
command goes on from there.
"""

from __future__ import annotations

from gato_ros.evaluation.evaluate import evaluate_policy as run
from gato_ros.evaluation.settings import Evaluation as Options

__all__ = ["Options", "run"]
