"""Whether MuJoCo is here, and for which robots: said before anything starts."""

from __future__ import annotations

from gato_ros.core.errors import SetupError
from gato_ros.embodiments import Embodiment
from gato_ros.sim.engine import installed

PACKAGE = "mujoco"


def require_mujoco(world: str) -> None:
    """SetupError where MuJoCo is missing. It is not imported here."""
    if not installed(PACKAGE):
        raise SetupError(
            expected=f"the package {PACKAGE}, the physics of the world {world}",
            got="a Python without",
            fix="pip install 'gato_ros[mujoco]', or in a checkout: .venv/bin/pip install -r requirements/mujoco.txt",
        )


def check_robot(robot: Embodiment) -> None:
    """SetupError for a robot whose gripper this world does not have."""
    if robot.simulated.finger_joints is None:
        raise SetupError(
            expected="a robot whose two fingers slide, for the world mujoco",
            got=f"{robot.name}, whose jaw turns",
            fix="choose another --world",
        )
