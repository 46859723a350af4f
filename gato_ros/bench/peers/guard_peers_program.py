"""Runs under a peer's Python, not ours: one peer takes the fuzzed commands, or loses its server.

    bench_guard_peers_program.py dm_robotics IN.npz OUT.npz '{"acceleration": true}'
    bench_guard_peers_program.py lerobot IN.npz OUT.npz '{}'
    bench_guard_peers_program.py openpi '{"fault": "SIGKILL", "horizon": 1, "moving_s": 1, "observe_s": 10}'

Answers one line of JSON; what was commanded goes into OUT.npz.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from importlib import metadata
from pprint import pformat

import numpy as np

PERIOD_S = 0.05


def _closed_loop(given, command_of) -> dict:
    """Feed every tick to `command_of(values, measured angles, last command) -> [joints] rad/s`; what came of it."""
    angles, lower, upper, tick_s = given["start"].copy(), given["lower"], given["upper"], float(given["tick_s"])
    count, joints = len(given["values"]), len(angles)
    commands, true, seconds = np.zeros((count, joints)), np.zeros((count, joints)), np.zeros(count)
    last, raised = np.zeros(joints), 0
    for i, values in enumerate(given["values"]):
        measured = angles.copy()
        if given["broken_joint"][i] >= 0:
            measured[given["broken_joint"][i]] = given["broken_angle"][i]
        begin = time.perf_counter()
        try:
            command = np.asarray(command_of(values, measured, last), np.float64)
        except Exception as error:
            # No command at all: it is the caller who has to stop the robot.
            command, raised = np.zeros(joints), raised + 1
            logging.debug("%s", error)
        seconds[i] = time.perf_counter() - begin
        commands[i], true[i] = command, angles
        if np.isfinite(command).all():
            angles, last = np.clip(angles + command * tick_s, lower, upper), command
    return {"commands": commands, "angles": true, "seconds": seconds, "raised": raised}


def dm_robotics(given, options: dict) -> tuple[dict, dict]:
    """The Cartesian 6D velocity effector on its own model of the Sawyer."""
    from dm_control import mjcf
    from dm_robotics.moma import effector
    from dm_robotics.moma.effectors import cartesian_6d_velocity_effector as cartesian
    from dm_robotics.moma.models.robots.robot_arms import sawyer

    logging.disable(logging.CRITICAL)  # a warning for each command that has no solution

    class Wire(effector.Effector):
        """Where a robot's driver would be: keeps the last command."""

        def initialize_episode(self, physics, random_state):
            pass

        def action_spec(self, physics):
            return None

        def set_control(self, physics, command):
            self.command = command.copy()

        @property
        def prefix(self):
            return "wire"

    arm, wire = sawyer.Sawyer(with_pedestal=False), Wire()
    control = cartesian.Cartesian6dVelocityEffector(
        "sawyer",
        wire,
        cartesian.ModelParams(arm.wrist_site, arm.joints),
        cartesian.ControlParams(
            control_timestep_seconds=float(given["tick_s"]),
            max_lin_vel=float(given["linear_speed"]),
            max_rot_vel=float(given["angular_speed"]),
            joint_velocity_limits=given["speed"],
            joint_acceleration_limits=np.full(7, given["acceleration"]) if options["acceleration"] else None,
            nullspace_joint_position_reference=given["start"],
            regularization_weight=1e-2,
        ),
    )
    physics = mjcf.Physics.from_mjcf_model(arm.mjcf_model)
    control.after_compile(arm.mjcf_model, physics)
    joints = physics.bind(arm.joints)

    def command_of(values, measured, last):
        joints.qpos, joints.qvel = measured, last
        physics.forward()
        control.set_control(physics, values[:6].copy())
        return wire.command

    versions = {name: metadata.version(name) for name in ("dm_robotics-moma", "dm_robotics-controllers", "mujoco")}
    return _closed_loop(given, command_of), {"versions": versions, "loaded": "the package, as installed"}


def lerobot(given, options: dict) -> tuple[dict, dict]:
    """`ensure_safe_goal_position`, with the cap that one tick at the joints' speed limits gives."""
    where = importlib.util.find_spec("lerobot").submodule_search_locations[0]
    path = os.path.join(where, "robots", "utils.py")
    tree = ast.parse(open(path).read())
    # The module imports every robot's driver and with them torch; the function uses none of that.
    wanted = [node for node in tree.body if getattr(node, "name", "") == "ensure_safe_goal_position"]
    space = {"logging": logging, "pformat": pformat}
    exec(compile(ast.Module(wanted, []), path, "exec"), space)
    function = space["ensure_safe_goal_position"]
    logging.disable(logging.CRITICAL)  # it formats a warning for every clamp; only the printing is left out
    names = [f"joint_{i}" for i in range(7)]
    cap = dict(zip(names, (given["speed"] * float(given["tick_s"])).tolist()))
    count = len(given["values"])
    targets, seconds, raised = np.zeros((count, 7)), np.zeros(count), 0
    present = given["start"].copy()
    true = np.zeros((count, 7))
    for i, values in enumerate(given["values"]):
        measured = present.copy()
        if given["broken_joint"][i] >= 0:
            measured[given["broken_joint"][i]] = given["broken_angle"][i]
        goals = dict(zip(names, zip((present + values[:7] * float(given["tick_s"])).tolist(), measured.tolist())))
        begin = time.perf_counter()
        try:
            answer = function(goals, cap)
        except Exception:
            answer, raised = dict(zip(names, present)), raised + 1
        seconds[i] = time.perf_counter() - begin
        targets[i], true[i] = [answer[name] for name in names], present
        if np.isfinite(targets[i]).all():
            present = np.clip(targets[i], given["lower"], given["upper"])
    about = {
        "versions": {"lerobot": metadata.version("lerobot")},
        "loaded": "the function's own source, cut out of lerobot/robots/utils.py and compiled alone: the module "
        "imports torch and all drivers, the function uses neither",
    }
    return {"commands": targets, "angles": true, "seconds": seconds, "raised": raised}, about


def openpi_server(horizon: int) -> None:
    """A stand-in for openpi's server: answers every observation at once with a chunk that moves."""
    import websockets.sync.server
    from openpi_client import msgpack_numpy

    def answer(connection) -> None:
        connection.send(msgpack_numpy.packb({}))
        for _ in connection:
            connection.send(msgpack_numpy.packb({"actions": np.full((horizon, 7), 0.05)}))

    with websockets.sync.server.serve(answer, "127.0.0.1", 0, compression=None, max_size=None) as server:
        print(server.socket.getsockname()[1], flush=True)
        server.serve_forever()


def openpi(options: dict) -> dict:
    """The client at 20 Hz, alone or behind the chunk broker, and its server killed or stopped under way."""
    from openpi_client import action_chunk_broker, websocket_client_policy

    server = subprocess.Popen(
        [sys.executable, __file__, "openpi_server", str(options["horizon"])], stdout=subprocess.PIPE, text=True
    )
    try:
        port = int(server.stdout.readline())
        policy = websocket_client_policy.WebsocketClientPolicy("127.0.0.1", port)
        policy = action_chunk_broker.ActionChunkBroker(policy, options["horizon"])
        sent: list[float] = []
        ended: list[tuple[float, str]] = []

        def drive() -> None:
            due = time.monotonic()
            try:
                while True:
                    action = policy.infer({"state": np.zeros(7)})["actions"]
                    assert np.any(action)
                    sent.append(time.monotonic())  # here openpi's runtime passes it to the robot
                    due += PERIOD_S
                    time.sleep(max(0.0, due - time.monotonic()))
            except Exception as error:
                ended.append((time.monotonic(), f"{type(error).__name__}: {error}"))

        threading.Thread(target=drive, daemon=True).start()
        time.sleep(options["moving_s"])
        os.kill(server.pid, getattr(signal, options["fault"]))
        fault_s = time.monotonic()
        while time.monotonic() < fault_s + options["observe_s"] and not ended:
            time.sleep(0.01)
    finally:
        server.kill()
    after = [1e3 * (at_s - fault_s) for at_s in sent if at_s > fault_s]
    # It ends by an exception or not at all; a command that stops the robot is never sent.
    return {
        "last_moving_ms": max(after, default=0.0),
        "first_stopping_ms": None,
        "control_back_ms": 1e3 * (ended[0][0] - fault_s) if ended else None,
        "how": ended[0][1] if ended else "still waiting for an answer",
        "versions": {name: metadata.version(name) for name in ("openpi-client", "websockets")},
    }


def main() -> None:
    kind = sys.argv[1]
    if kind == "openpi_server":
        return openpi_server(int(sys.argv[2]))
    if kind == "openpi":
        print(json.dumps(openpi(json.loads(sys.argv[2]))), flush=True)
        os._exit(0)  # the thread that hangs would keep the process
    given = np.load(sys.argv[2])
    with np.errstate(all="ignore"):
        result, about = {"dm_robotics": dm_robotics, "lerobot": lerobot}[kind](given, json.loads(sys.argv[4]))
    raised = result.pop("raised")
    np.savez(sys.argv[3], **result)
    print(json.dumps({**about, "raised": raised, "numpy": np.__version__}), flush=True)


if __name__ == "__main__":
    main()
