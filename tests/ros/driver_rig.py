"""One robot behind the topics of the wire, whichever it is: what the conformance suite drives."""

import contextlib
import math
import signal
import time
from pathlib import Path

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool
from std_srvs.srv import SetBool

from gato_ros.embodiments import load_embodiment
from gato_ros.nodes.messages.diagnosis import values_of
from gato_ros.nodes.runtime.qos import COMMAND, REPORT
from tests.drivers.frame_proxy import FrameProxy
from tests.drivers.sawyer_cell import STROKE_M, Cell

TICK_S = 0.01
STILL_RAD_S = 0.01


class Rig:
    """The robot, and a probe in the guard's place. `close` ends it."""

    def __init__(self, kind: str, processes, probe, folder: Path):
        self.kind, self.probe, self._processes = kind, probe, processes
        self._stack = contextlib.ExitStack()
        self._contract, self._arguments = "sawyer_rgb_stacking", []
        self.cell = self.proxy = None
        if kind == "sawyer":
            contract = folder / "sawyer.yaml"
            contract.write_text(f"extends: sawyer_rgb_stacking\ngripper: {{stroke_m: {STROKE_M}}}\n")
            self._contract = str(contract)
            self.cell = self._stack.enter_context(Cell())
            self.proxy = self._stack.enter_context(FrameProxy(self.cell.port, self.cell.keys))
            keys = self.cell.keys / "driver"
            self._arguments = ["-p", "driver:=sawyer", "-p", f"port:={self.proxy.port}", "-p", f"keys:={keys}"]
        self.robot = load_embodiment(self._contract)
        self.names, wire = self.robot.arm.joints, self.robot.wire
        # Deep: not one state may escape.
        self.joints = probe.listen(JointState, wire.joint_states.topic, REPORT)
        self.grippers = probe.listen(JointState, wire.gripper_states.topic, REPORT)
        self.e_stops = probe.listen(Bool, "e_stop", REPORT)
        self.said = probe.listen(DiagnosticStatus, "driver_node/status", REPORT)
        self.diagnostics = probe.listen(DiagnosticArray, "/diagnostics", REPORT)
        self.arm = probe.node.create_publisher(JointState, wire.arm_command, COMMAND)
        self.gripper = probe.node.create_publisher(JointState, wire.gripper_command, COMMAND)
        self.start()

    def start(self) -> None:
        """The node that is the robot on the wire."""
        self.said.clear()
        self.joints.clear()
        name = "sim_node" if self.kind == "sim" else "driver_node"
        self.node = self._processes.node(name, "-p", f"embodiment:={self._contract}", *self._arguments)
        self.probe.wait(lambda: self.joints and self.arm.get_subscription_count(), f"the {self.kind}")
        self.probe.wait(lambda: self.kind == "sim" or self.says("linked") == "True", "its status")

    def close(self) -> None:
        self._processes.stop()
        for publisher in (self.arm, self.gripper):
            self.probe.node.destroy_publisher(publisher)
        self._stack.close()

    # --- what it does ---

    def command(self, velocity: dict[str, float] | float = 0.0, age_s: float = 0.0) -> None:
        """Speeds by name [rad/s], in that order; a number is the last joint's, the others stand."""
        if not isinstance(velocity, dict):
            velocity = {**dict.fromkeys(self.names, 0.0), self.names[-1]: velocity}
        message = JointState(name=list(velocity), velocity=list(velocity.values()))
        stamp_ns = self.probe.node.get_clock().now().nanoseconds - int(age_s * 1e9)
        message.header.stamp.sec, message.header.stamp.nanosec = divmod(stamp_ns, 10**9)
        self.arm.publish(message)

    def stream(self, velocity, until, what: str, limit_s: float = 60.0) -> None:
        """Command at 100 Hz, as the guard does, until something is so."""
        self.probe.wait(until, what, limit_s, meanwhile=lambda: self.command(velocity), every_s=TICK_S)

    def stream_for(self, velocity, seconds: float) -> None:
        end_s = time.monotonic() + seconds
        self.stream(velocity, lambda: time.monotonic() > end_s, "time")

    def enable(self) -> None:
        """As an operator: ask, and then stand for a while."""
        if self.kind != "sim":
            answer = self.ask(SetBool, "driver_node/enable", SetBool.Request(data=True))
            assert answer.success, answer.message
            self.probe.wait(lambda: self.says("ready") == "True", "readiness")
        self.stream_for(0.0, 0.1)

    def ask(self, kind, name: str, request):
        """A service's answer, called again where none comes: a killed node is in the graph for a while."""
        client = self.probe.node.create_client(kind, name)
        self.probe.wait(client.service_is_ready, name)
        end_s = time.monotonic() + 60.0
        while time.monotonic() < end_s:
            future, again_s = client.call_async(request), time.monotonic() + 8.0
            self.probe.wait(lambda: future.done() or time.monotonic() > again_s, name)  # noqa: B023
            if future.done():
                self.probe.node.destroy_client(client)
                return future.result()
        raise AssertionError(f"no answer from {name}")

    def press(self, pressed: bool) -> None:
        """The robot's own emergency stop."""
        if self.kind == "mock":
            request = SetParameters.Request(parameters=[Parameter("mock_e_stop", value=pressed).to_parameter_msg()])
            assert self.ask(SetParameters, "driver_node/set_parameters", request).results[0].successful
        else:
            self.cell.touch("button", 1 if pressed else 3)

    def kill(self, process) -> float:
        """When it was [s]."""
        process.send_signal(signal.SIGKILL)
        at_s = time.monotonic()
        process.wait()
        return at_s

    def pids(self) -> dict[str, int]:
        """The processes that are the robot on the wire, by name."""
        return {"node": self.node.pid, **(self.cell.pids() if self.cell else {})}

    # --- what it says ---

    def position(self) -> dict[str, float]:
        message = self.joints[-1][1]
        return dict(zip(message.name, message.position))

    def speed(self, name: str | None = None) -> float:
        message = self.joints[-1][1]
        return dict(zip(message.name, message.velocity))[name or self.names[-1]]

    def fastest(self) -> float:
        return max(map(abs, self.joints[-1][1].velocity))

    def opening(self) -> float:
        return self.grippers[-1][1].position[0] if self.grippers else math.nan

    def says(self, key: str) -> str:
        """One value of its status."""
        if self.kind == "sim":
            return values_of(self.diagnostics[-1][1].status[0]).get(key, "") if self.diagnostics else ""
        return values_of(self.said[-1][1]).get(key, "") if self.said else ""

    def count(self, key: str) -> int:
        return int(self.says(key) or 0)

    def at_rest(self) -> dict[str, float]:
        """Where it stands, once it does."""
        self.probe.wait(lambda: self.fastest() < STILL_RAD_S, "a standstill")
        self.probe.spin(0.1)
        return self.position()

    def moved(self, since: dict[str, float]) -> float:
        """Of the joint that went furthest [rad]."""
        now = self.position()
        return max(abs(now[name] - since[name]) for name in self.names)
