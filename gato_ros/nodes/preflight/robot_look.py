"""The options of a check of a running robot. It needs no package: the doctor comes first."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from gato_ros.core.bounds import NotNegative, Within


@dataclass(frozen=True)
class RobotLook:
    """At which robot, at how much of it, and for how long."""

    namespace: str = ""
    """With --robot: the robot's namespace; nothing: the contract's."""
    embodiment: str = "sawyer_rgb_stacking"
    """With --robot: name or path of its contract."""
    policy: str = ""
    """With --robot: weights to check against the contract, and to time where no policy_node has been timed yet.
    Default: those that policy_node runs, where they are on this machine."""
    without: tuple[str, ...] = ()
    """With --robot: what does not run on purpose: robot, guard, policy."""
    seconds: Annotated[float, Within(1, 60, as_interval=True)] = 4.0
    """With --robot: for how long to receive messages [s]."""
    patience: NotNegative = 10.0
    """With --robot: before that, wait at most so long until the nodes are found [s]."""
    recordings: Path = Path("recordings")
    """With --robot: the folder whose disk has to have room."""
    nudge_gripper: bool = False
    """With --robot: open or close the gripper by a quarter of its stroke and back, through the guard as a person's
    wish; the guard has to be armed."""
    accept_yellow: bool = False
    """With --robot: exit code 0 when nothing is red."""
