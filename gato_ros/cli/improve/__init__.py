"""A policy past its teacher, from its own outcomes: it drives, learns from what succeeded, and is measured, in rounds.

Each round the policy drives episodes in the simulator, with actions drawn at a temperature. Whether an episode ended in
a stack is all that anybody says about it: no expert labels, no ground truth is read, it sees what a robot sees. It then
goes on learning from its own steps, weighted by how the episodes ended, and from the demonstrations that it was cloned
from. It is measured on the same starts before and after. A round after which it stacks less often, or is shown to be
worse on one of the sets, is reported and dropped.

    python -m gato_ros improve --policy sawyer_mastery --data out/policy/data/* --set cubes,triplet1 --out out/improved

Run the same command again after any interruption: what is done stays done, and no episode is driven twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gato_ros.evaluation.improvement.settings import Improvement


@dataclass(frozen=True)
class Options(Improvement):
    """Which policy, with what, and how far."""

    json: Path | None = None
    """Write the result here as JSON: each round before and after, in pairs, whether it was kept, and the episodes."""


def run(options: Options) -> dict:
    """What each round came to, and the weights that are left in the end."""
    from gato_ros.evaluation.improvement.rounds import improve

    return improve(options)
