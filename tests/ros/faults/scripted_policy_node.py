"""The real policy_node around a policy whose faults are switched on by a file. A process of its own.

The file's text is the fault; when it first takes effect, its instant on the steady clock is written beside it.
"""

import os
import sys
import time
from pathlib import Path

import numpy as np

from gato_ros.core.arm_action import ArmAction
from gato_ros.core.decision import Decision, Trace
from gato_ros.core.policy import PolicyInfo
from gato_ros.embodiments import load_embodiment
from gato_ros.models.layout import token_layout
from gato_ros.models.presets import PRESETS
from gato_ros.models.tokenizer import decode_actions
from gato_ros.nodes import policy_node

LAYOUT = token_layout(load_embodiment().spec, PRESETS["debug_one_pass"])
SWITCH = Path(os.environ["GATO_ROS_FAULT_FILE"])


class ScriptedPolicy:
    """Moves steadily; reads both cameras, the joints and the gripper, so that every check of the node is in force."""

    observation_keys = (
        "basket_front_left/pixels",
        "basket_front_right/pixels",
        "gripper/opening",
        "sawyer/joints/angle",
        "sawyer/pinch/pose",
    )

    info = PolicyInfo()

    def __init__(self) -> None:
        self._fault, self._ticks = "", 0

    def reset(self, prompt=None) -> None:
        pass

    def act(self, observation) -> Decision:
        fault = SWITCH.read_text()
        if fault != self._fault:
            self._fault = fault
            if fault:
                mark = SWITCH.with_suffix(".at")
                mark.with_suffix(".partial").write_text(str(time.monotonic()))
                mark.with_suffix(".partial").replace(mark)
        twist, entropy = np.array([0.05, 0.0, 0.0, 0.5]), np.full(5, 6.0 if fault == "uncertain" else 3.0)
        if fault == "nan":
            twist[0] = np.nan
        elif fault == "out_of_memory":
            raise RuntimeError("RESOURCE_EXHAUSTED: out of memory while trying to allocate")
        elif fault == "token":
            decode_actions(LAYOUT, np.full(LAYOUT.actions, 31_999))
        elif fault == "late":
            time.sleep(0.15)
        elif fault == "hangs":
            while SWITCH.read_text() == "hangs":
                time.sleep(0.01)
        self._ticks += 1
        unknown = np.full(5, np.nan)
        trace = Trace(
            None,
            np.zeros(5, np.int32),
            entropy,
            unknown,
            unknown,
            (0, 0),
            0.0,
            0.0,
            self._ticks,
            compiled=fault == "compiles",
        )
        return Decision(ArmAction(twist, 0.01), trace)


if __name__ == "__main__":
    policy_node.make_policy = lambda *_: ScriptedPolicy()
    sys.exit(policy_node.main())
