"""Policy servers on demand, each a fork of this process, which has paid for the imports, and can be killed.

    python tests/ros/faults/policy_server.py

A line `DIGEST PORT` on stdin makes one, with weights of that digest; port 0: any free one. It answers `ready PID PORT`
on stdout once it listens. Its policy moves steadily. The text of the file GATO_ROS_FAULT_FILE is its fault; when that
first takes effect, its instant on the steady clock is written beside the file.
"""

import ctypes
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np

from gato_ros.core.action import Action
from gato_ros.core.arm_action import ArmAction
from gato_ros.core.decision import Decision
from gato_ros.core.policy import PolicyInfo
from gato_ros.embodiments import load_embodiment
from gato_ros.remote import host
from gato_ros.remote.address import Address
from gato_ros.remote.host import PolicyHost
from gato_ros.remote.server import PolicyServer
from gato_ros.remote.wire import decode, encode

ROBOT = load_embodiment()
SWITCH = Path(os.environ["GATO_ROS_FAULT_FILE"])
PR_SET_PDEATHSIG = 1


class MovingPolicy:
    """Reads both cameras, the joints and the gripper, so that every check of the node is in force."""

    observation_keys = (
        "basket_front_left/pixels",
        "basket_front_right/pixels",
        "gripper/opening",
        "sawyer/joints/angle",
        "sawyer/pinch/pose",
    )

    def __init__(self, digest: str):
        self.info = PolicyInfo(digest, remembers=True, reach_steps=4)
        self._fault = ""

    def reset(self, prompt=None) -> None:
        pass

    def fault(self) -> str:
        fault = SWITCH.read_text()
        if fault != self._fault:
            self._fault = fault
            if fault:
                mark = SWITCH.with_suffix(".at")
                mark.with_suffix(".partial").write_text(str(time.monotonic()))
                mark.with_suffix(".partial").replace(mark)
        return fault

    def act(self, observation) -> Decision:
        fault, twist = self.fault(), np.array([0.05, 0.0, 0.0, 0.5])
        if fault == "slow":
            time.sleep(0.15)
        elif fault == "nan":
            twist[0] = np.nan
        elif fault == "far":
            twist[0] = 5.0
        elif fault == "shape":
            return Decision(Action({"twist": np.zeros(6), "gripper": 0.01}))
        return Decision(ArmAction(twist, 0.01))


class LyingHost(PolicyHost):
    """Answers an older step while the fault is `old_step`."""

    def _act(self, message: host.Message) -> bytes:
        answer = super()._act(message)
        if SWITCH.read_text() != "old_step":
            return answer
        found = decode(answer)
        return encode(found.header | {"step": found.header["step"] - 1}, found.arrays)


def be_a_server(digest: str, port: int) -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    server = PolicyServer(LyingHost(MovingPolicy(digest), ROBOT, "moving"), Address("127.0.0.1", port))
    print("ready", os.getpid(), server.address.port, flush=True)
    server.wait()


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        digest, port = line.split()
        if os.fork() == 0:
            be_a_server(digest, int(port))


if __name__ == "__main__":
    main()
