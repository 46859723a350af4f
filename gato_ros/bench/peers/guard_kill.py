"""The loop's own kill test: a policy that moves the robot is killed or stopped; commands are read off the wire."""

from __future__ import annotations

import os
import signal
import time

from gato_ros.core.errors import SetupError

START_LIMIT_S = 120.0
MOVING_S = 0.5
"""A fault comes when every command has moved the arm for so long [s]."""
FOLLOWING = ("ok", "limited")
"""Verdicts of a guard that carries out proposals."""


def kill_trial(policy: str, fault: str, observe_s: float) -> dict[str, float | str | None]:
    """Start the loop, take the policy's process away with the signal `fault`, and watch; milliseconds after it.

    Raises:
        SetupError: the loop does not come to move.
    """
    from gato_ros.bench.recorder.command_listener import CommandListener
    from gato_ros.embodiments import load_embodiment
    from gato_ros.nodes.runtime.node_specs import NAMESPACE, loop_plan
    from gato_ros.nodes.runtime.process_group import Children
    from gato_ros.nodes.runtime.ros_domain import own_domain

    plans = loop_plan(
        {"policy_node": {"policy": policy}, "guard_node": {"start_armed": True}, "sim_node": {"seed": 900000}},
        without=("incident_node",),
    )
    with own_domain(), CommandListener(load_embodiment(), NAMESPACE) as listener, Children(plans) as children:
        end_s = time.monotonic() + START_LIMIT_S
        while not listener.moving(MOVING_S):
            children.check()
            if time.monotonic() > end_s:
                raise SetupError(
                    expected="a loop that moves the arm",
                    got=f"none within {START_LIMIT_S:.0f} s",
                    fix="see `make sim`; stop what else runs on this machine",
                )
            time.sleep(0.02)
        os.kill(children.pid("policy_node"), getattr(signal, fault))
        fault_s = time.monotonic()
        time.sleep(observe_s)
    return {
        **reaction(listener.received, listener.verdicts, fault_s),
        "control_back_ms": None,
        "how": "the guard goes on at 100 Hz",
    }


def reaction(
    received: list[tuple[float, float]], verdicts: list[tuple[float, str]], fault_s: float
) -> dict[str, float | None]:
    """How commands and verdicts went on after a fault [ms]; None: not in the time observed.

    Args:
        received: receipt [s] and speed of the fastest joint of each command.
        verdicts: receipt [s] and level of each verdict, which follows its command on the wire.
    """
    moving = [at_s - fault_s for at_s, speed in received if at_s > fault_s and speed > 0.0]
    stopping = [at_s - fault_s for at_s, level in verdicts if at_s > fault_s and level not in FOLLOWING]
    still = bool(received) and received[-1][1] == 0.0
    return {
        "last_moving_ms": 1e3 * max(moving, default=0.0) if still else None,
        "first_stopping_ms": 1e3 * stopping[0] if stopping else None,
    }
