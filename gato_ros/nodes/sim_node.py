"""sim_node: the drop-in robot. The same topics as the real one; ground truth is published only on request."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import rclpy
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock as RosClock
from rclpy.clock import ClockType
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from std_srvs.srv import Trigger

from gato_ros.core.errors import SetupError, unknown_name
from gato_ros.embodiments import load_embodiment
from gato_ros.embodiments.decoders.image import COMPRESSED_IMAGE
from gato_ros.nodes.guard.arm_command import demand_joint_state
from gato_ros.nodes.messages.clocks import seconds, stamp_of
from gato_ros.nodes.messages.diagnosis import OK, WARN, Diagnosis, status
from gato_ros.nodes.messages.image import jpeg_from_rgb, message_from_rgb
from gato_ros.nodes.messages.joint_state import JointsRefused, arm_velocity_command, gripper_opening_command
from gato_ros.nodes.messages.types import message_class
from gato_ros.nodes.runtime.parameters import SimParameters
from gato_ros.nodes.runtime.process import Stop, declare_parameters, run_node
from gato_ros.nodes.runtime.qos import CAMERA, COMMAND, REPORT, STATE_OUT, of_contract
from gato_ros.sim import task
from gato_ros.sim.ground_truth import PRIVILEGED_KEYS, ground_truth

if TYPE_CHECKING:
    from gato_ros.sim.pair.arm_beside import ArmBeside
    from gato_ros.sim.pair.shared_world import SharedWorld

NAME = "sim_node"
TICK_S = 0.01
"""Time between two joint states [s]."""
LARGEST_DEBT_S = 0.1
"""Physics that lags further behind the clock than this [s] gives the rest up, and counts it."""
LOCKSTEP_START_S = 1.0
"""First simulated time [s]; zero would mean `no clock yet` to other nodes."""
CLOCK_REPEAT_S = 0.5


CHOICES = {
    "objects": ("an object set", task.OBJECT_SETS),
    "task": ("a task", task.TASKS),
    "neighbour_task": ("a task", task.TASKS),
}
"""Parameters with a closed set of values."""


def _check_choice(name: str, value: object) -> None:
    """SetupError if the parameter cannot have this value."""
    what, known = CHOICES[name]
    if value not in known:
        raise unknown_name(what, str(value), known)


def _offered(quality: str) -> QoSProfile:
    """Of a camera: what the contract asks for."""
    return CAMERA if quality == "sensor" else of_contract(quality, CAMERA.depth)


class SimNode:
    """Holds the world, or one arm in the world of another. All in one thread, because PyBullet's calls must."""

    def __init__(self, node: Node, parameters: SimParameters, arm: ArmBeside | None = None):
        """`arm`: in another's world, which resets and advances it."""
        self._node, self._lockstep = node, parameters.lockstep
        self._robot = robot = load_embodiment(parameters.embodiment) if arm is None else arm.embodiment
        demand_joint_state(robot, NAME)
        for name in CHOICES:
            _check_choice(name, getattr(parameters, name))
        # Here, because PyBullet prints a banner when it is imported: a refused parameter is to be one line.
        from gato_ros.sim.pair.shared_world import SharedWorld
        from gato_ros.sim.world import StackingWorld

        self._ticks_per_frame = round(1.0 / (robot.control_rate_hz * TICK_S))
        self._holds_world, self._others = arm is None, []
        if arm is None:
            arm = (SharedWorld if parameters.neighbours else StackingWorld)(robot, gui=parameters.gui)
        self._world = arm
        self._steady = RosClock(clock_type=ClockType.STEADY_TIME)
        self._velocity, self._command_s, self._command_stamp_s = np.zeros(len(robot.arm.joints)), None, -1.0
        self._moving = False
        self._counts = {"overruns": 0, "lost_ms": 0.0, "refused_commands": 0, "command_timeouts": 0}
        self._last_refusal = ""
        self._episode, self._tick = 0, 0
        self._sim_time_s, self._due_s = LOCKSTEP_START_S, 0.0

        wire = robot.wire
        self._cameras = {
            key: node.create_publisher(message_class(camera.type), camera.topic, _offered(camera.quality))
            for key, camera in robot.cameras.items()
        }
        self._joints = node.create_publisher(JointState, wire.joint_states.topic, STATE_OUT)
        self._gripper = node.create_publisher(JointState, wire.gripper_states.topic, STATE_OUT)
        self._task = node.create_publisher(String, "~/task", REPORT)
        self._truth = node.create_publisher(String, "~/ground_truth", REPORT) if parameters.ground_truth else None
        self._clock = node.create_publisher(Clock, "/clock", REPORT) if parameters.lockstep else None
        self._diagnosis = Diagnosis(node)
        node.create_subscription(JointState, wire.arm_command, self._on_arm, COMMAND)
        node.create_subscription(JointState, wire.gripper_command, self._on_gripper, COMMAND)
        node.create_timer(1.0, self._diagnose, clock=self._steady)
        node.add_on_set_parameters_callback(self._check_parameters)
        if parameters.neighbours:
            self._others = beside(self._world, parameters)
        if self._holds_world:
            self._restart()
        node.create_service(Trigger, "~/reset", self._on_reset)

    def _check_parameters(self, parameters) -> SetParametersResult:
        for item in parameters:
            if item.name in CHOICES:
                try:
                    _check_choice(item.name, item.value)
                except SetupError as error:
                    return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    def _on_reset(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        try:
            self._restart()
        except SetupError as error:
            response.success, response.message = False, str(error)
            return response
        response.success, response.message = True, " ".join(self._world.object_names)
        return response

    def _restart(self) -> None:
        if not self._holds_world:
            raise SetupError(
                expected="~/reset of the sim_node that was started", got="an arm in its world", fix="reset that one"
            )
        seed, objects = (self._node.get_parameter(name).value for name in ("seed", "objects"))
        self._world.reset(np.random.default_rng(seed), objects)
        self._begin(self._node.get_parameter("task").value)
        for other in self._others:
            other._begin(self._node.get_parameter("neighbour_task").value)

    def _begin(self, wanted: str) -> None:
        """A new episode of this arm."""
        self._wanted = task.task_named(wanted)
        self._attempt = self._wanted.begin(self._wanted.situation(self._world))
        self._episode, self._tick = self._episode + 1, 0
        self._velocity, self._command_s, self._moving = np.zeros_like(self._velocity), None, False
        self._due_s = time.monotonic()

    def _refuse(self, why: str) -> None:
        self._counts["refused_commands"] += 1
        self._last_refusal = why

    def _on_arm(self, message: JointState) -> None:
        try:
            velocity = arm_velocity_command(message, self._robot)
        except JointsRefused as refusal:
            return self._refuse(f"arm: {refusal}")
        self._velocity, self._command_s = velocity, time.monotonic()
        self._command_stamp_s, self._moving = seconds(message.header.stamp), bool(velocity.any())

    def _on_gripper(self, message: JointState) -> None:
        try:
            opening_m = gripper_opening_command(message, self._robot)
        except JointsRefused as refusal:
            return self._refuse(f"gripper: {refusal}")
        self._world.set_gripper(opening_m)

    def _stamp(self):
        return stamp_of(self._sim_time_s) if self._lockstep else self._node.get_clock().now().to_msg()

    def _advance(self) -> None:
        """One tick of physics, then everything that is sensed at its end."""
        sides = (self, *self._others)
        for side in sides:
            side._command()
        self._world.advance(TICK_S)
        for side in sides:
            side._sense()

    def _command(self) -> None:
        """What its guard has sent, as long as it sends."""
        limit_s = self._robot.arm.velocity_timeout_s
        if self._moving and not self._lockstep and time.monotonic() - self._command_s > limit_s:
            # The Sawyer falls back to holding its position when velocity commands stop.
            self._velocity, self._moving = np.zeros_like(self._velocity), False
            self._counts["command_timeouts"] += 1
        self._world.set_joint_velocity(self._velocity)

    def _sense(self) -> None:
        self._tick += 1
        self._sim_time_s += TICK_S
        stamp = self._stamp()
        if self._clock is not None:
            self._clock.publish(Clock(clock=stamp))
        self._publish_joints(stamp)
        if self._tick % self._ticks_per_frame == 0:
            self._score()
            if self._truth is not None:
                self._publish_truth()
            self._publish_frames(stamp)

    def _publish_joints(self, stamp) -> None:
        joints = JointState(
            name=self._robot.arm.joints,
            position=self._world.joint_positions.tolist(),
            velocity=self._world.joint_velocities.tolist(),
        )
        joints.header.stamp, joints.header.frame_id = stamp, self._robot.base_frame
        gripper = JointState(
            name=[self._robot.gripper.joint],
            position=[self._world.gripper_opening_m],
            effort=[float(self._world.gripper_effort_n)],
        )
        gripper.header.stamp = stamp
        self._joints.publish(joints)
        self._gripper.publish(gripper)

    def _publish_frames(self, stamp) -> None:
        # All pictures before any message: rendering holds the interpreter, and half a set helps nobody.
        for key, pixels in [(key, self._world.film(key)) for key in self._cameras]:
            camera = self._robot.cameras[key]
            made = jpeg_from_rgb if camera.type == COMPRESSED_IMAGE.type else message_from_rgb
            message = made(pixels, camera.frame_id or key.split("/")[0])
            message.header.stamp = stamp
            self._cameras[key].publish(message)

    def _score(self) -> None:
        holds = self._attempt.update(self._wanted.situation(self._world))
        self._task.publish(
            String(
                data=json.dumps(
                    {
                        "episode": self._episode,
                        "step": self._tick // self._ticks_per_frame,
                        "holds": holds,
                        "held": self._attempt.held,
                        "success": self._attempt.succeeded,
                        "failure": self._attempt.failure,
                        "objects": list(self._world.object_names),
                    }
                )
            )
        )

    def _publish_truth(self) -> None:
        values = {key: ground_truth(self._world, self._wanted, key).tolist() for key in PRIVILEGED_KEYS}
        self._truth.publish(String(data=json.dumps({"episode": self._episode, "values": values})))

    def _diagnose(self) -> None:
        late = self._counts["overruns"]
        self._diagnosis.publish(
            status(
                self._node,
                self._robot.name,
                WARN if late else OK,
                "lockstep" if self._lockstep else "real time",
                self._counts | {"last_refusal": self._last_refusal},
            )
        )

    def run(self, stop: Stop) -> None:
        executor = SingleThreadedExecutor()
        for side in (self, *self._others):
            executor.add_node(side._node)
        try:
            self._run_lockstep(stop, executor) if self._lockstep else self._run_real_time(stop, executor)
        finally:
            self._world.close()

    def _run_real_time(self, stop: Stop, executor: SingleThreadedExecutor) -> None:
        self._due_s = time.monotonic()
        while not stop:
            debt_s = time.monotonic() - self._due_s
            if debt_s > LARGEST_DEBT_S:
                self._counts["overruns"] += 1
                self._counts["lost_ms"] = round(self._counts["lost_ms"] + debt_s * 1e3, 1)
                self._due_s += debt_s
            executor.spin_once(timeout_sec=max(0.0, self._due_s - time.monotonic()))
            if time.monotonic() >= self._due_s:
                self._due_s += TICK_S
                self._advance()

    def _run_lockstep(self, stop: Stop, executor: SingleThreadedExecutor) -> None:
        said_s = 0.0
        while not stop:
            if time.monotonic() - said_s > CLOCK_REPEAT_S:
                # Somebody may have joined late, or a message was lost: without this both sides wait for ever.
                self._clock.publish(Clock(clock=self._stamp()))
                self._publish_joints(self._stamp())
                said_s = time.monotonic()
            executor.spin_once(timeout_sec=0.1)
            if self._command_s is not None and self._command_stamp_s >= self._sim_time_s - 1e-6:
                self._advance()
                said_s = time.monotonic()


def beside(world: SharedWorld, parameters: SimParameters) -> list[SimNode]:
    """A node like this one for each other arm in its world, in that arm's namespace.

    Raises:
        SetupError: simulated time, which waits for the commands of one guard.
    """
    if parameters.lockstep:
        raise SetupError(
            expected="one of `neighbours` and `lockstep`", got="both", fix="leave lockstep out: two guards command"
        )
    found = []
    for arm in world.others.values():
        # Without the command line's own arguments, which would give it this one's name, namespace and parameters.
        node = rclpy.create_node(
            NAME,
            namespace=arm.embodiment.wire.namespace,
            use_global_arguments=False,
            automatically_declare_parameters_from_overrides=True,
        )
        own = declare_parameters(node, SimParameters)
        found.append(SimNode(node, replace(own, ground_truth=parameters.ground_truth), arm))
    return found


def main() -> int:
    return run_node(NAME, SimParameters, SimNode)


if __name__ == "__main__":
    sys.exit(main())
