"""The toy domain at a pace at which a process can be killed in the middle; one task has an error in it."""

import os
import time

from tests.domains.toy_domain import Line, Toy

STEP_S = 0.05
BROKEN_SEED = 12


class SlowLine(Line):
    def __init__(self, reach, broken):
        super().__init__(reach)
        self._broken = broken

    def step_action(self, action):
        time.sleep(STEP_S)
        if self._broken and self.seed == BROKEN_SEED:
            raise KeyError(f"no such place with {os.environ['OMP_NUM_THREADS']} thread")
        return super().step_action(action)


class SlowToy(Toy):
    name, tasks = "slow_line", ("near", "broken")

    def environment(self, task, render_mode=None):
        return SlowLine(0.6, task == "broken")


DOMAIN = SlowToy()
