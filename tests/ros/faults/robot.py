"""A robot on which every sensor fault can be switched on over a topic. A process of its own.

`fault/set` (std_msgs/String, JSON): the settings that are not well, a "number", and a "mark", which says what the
fault's instant is: "now", the next message of "camera" or "joints", or "apart", when the newest frames of the cameras
first differ by 100 ms. `fault/done` answers with the number and that instant on the steady clock.
"""

import json
import random
import sys
import time
from collections import deque

import numpy as np
import rclpy
from builtin_interfaces.msg import Time
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import String

from gato_ros.embodiments import load_embodiment
from gato_ros.nodes.messages.clocks import seconds, stamp_of
from gato_ros.nodes.messages.image import message_from_rgb
from gato_ros.nodes.runtime.qos import CAMERA, COMMAND, REPORT, STATE_OUT

ANGLES = [0.1371, -0.9177, -0.6417, 1.5575, 0.4264, 1.0745, -0.0847]
WELL = {
    "silent": [],  # topics that are not published: left, right, joints
    "gone": [],  # topics that have no publisher at all
    "frozen": False,  # the left camera repeats its last frame
    "picture": "noise",  # or black, white
    "image": {},  # fields of the left camera's message that are overwritten; "cut": bytes taken off its data
    "swapped": False,  # each camera says the other's name
    "names": "contract",  # or shuffled, renamed
    "without": [],  # of the joint states: velocity; of the gripper's: effort; or the last joint
    "stamps": "now",  # or none, or those of a clock that began with the machine
    "camera_every": 1,  # frame that is sent, of both cameras
    "delay_s": {},  # topic -> how late its messages are sent
    "loss": 0.0,  # share of messages that are not sent
    "replayed": False,  # frames and gripper states are followed by old ones
    "opening_m": 0.05,
    "gripper": "deaf",  # or follows, inverted: what it does with a command
    "angle_rad": 0.0,  # added to every joint
    "senseless": {},  # field of the joint states -> what its first value is instead: nan, inf
    "clock_ahead_s": 0.0,  # added to /clock, from the tick after a frame on: with a new frame all stamps fit again
    "clock_stopped": False,
}
CAMERAS = ("left", "right")


class Robot:
    """Joint states at 100 Hz, frames at 20 Hz; it stands still and says that it moves as commanded."""

    def __init__(self, node, simulated_time: bool):
        self._node, self._robot = node, load_embodiment()
        self._set, self._marks = dict(WELL), []
        self._velocity, self._tick = [0.0] * len(ANGLES), 0
        self._late, self._sent, self._next = deque(), {}, None
        self._random, self._rng = random.Random(0), np.random.default_rng(0)
        self._frozen_picture, self._stopped_s, self._commanded_m = None, 0.0, None
        wire = self._robot.wire
        create = node.create_publisher
        self._publish = {
            "joints": lambda: create(JointState, wire.joint_states.topic, STATE_OUT),
            "gripper": lambda: create(JointState, wire.gripper_states.topic, STATE_OUT),
        }
        self._channels = dict(zip(CAMERAS, (self._robot.observations[key] for key in self._robot.image_keys)))
        for name, channel in self._channels.items():
            self._publish[name] = lambda topic=channel.topic: create(Image, topic, CAMERA)
        self._publishers = {name: make() for name, make in self._publish.items()}
        self._clock = node.create_publisher(Clock, "/clock", REPORT) if simulated_time else None
        self._done = node.create_publisher(String, "fault/done", REPORT)
        node.create_subscription(String, "fault/set", self._on_set, REPORT)
        node.create_subscription(JointState, wire.arm_command, self._on_command, COMMAND)
        # Received like a robot's: else a neighbour that listens for a while and goes is the robot that is gone.
        node.create_subscription(JointState, wire.gripper_command, self._on_gripper, COMMAND)
        node.create_timer(0.01, self._step)

    def _on_command(self, message: JointState) -> None:
        self._velocity = list(message.velocity)

    def _on_gripper(self, message: JointState) -> None:
        self._commanded_m = message.position[0]

    def _opening_m(self) -> float:
        at_m = self._set["opening_m"]
        if self._commanded_m is None or self._set["gripper"] == "deaf":
            return at_m
        return self._commanded_m if self._set["gripper"] == "follows" else 2.0 * at_m - self._commanded_m

    def _on_set(self, message: String) -> None:
        wanted = json.loads(message.data)
        number, mark = wanted.pop("number"), wanted.pop("mark")
        if "clock_ahead_s" in wanted and self._tick % 5:
            self._next = message
            return
        if wanted.get("clock_stopped"):
            self._stopped_s = self._now_s()
        self._set, self._next = {**WELL, **wanted}, None
        self._late.clear()  # what was late is not sent to one who thinks all is well again
        for name in self._set["gone"]:
            self._node.destroy_publisher(self._publishers.pop(name))
        for name in set(self._publish) - set(self._publishers) - set(self._set["gone"]):
            self._publishers[name] = self._publish[name]()
        self._answer(number) if mark == "now" else self._marks.append((mark, number))

    def _answer(self, number: int) -> None:
        self._done.publish(String(data=json.dumps({"number": number, "at_s": time.monotonic()})))

    def _now_s(self) -> float:
        return time.time() + self._set["clock_ahead_s"]

    def _stamp(self) -> Time:
        if self._set["stamps"] != "now":
            return Time() if self._set["stamps"] == "none" else stamp_of(time.monotonic())
        return stamp_of(self._stopped_s if self._set["clock_stopped"] else self._now_s())

    def _send(self, name: str, message) -> None:
        """At once, late, or never."""
        if name in self._set["silent"] or self._random.random() < self._set["loss"]:
            return
        if delay_s := self._set["delay_s"].get(name):
            self._late.append((time.monotonic() + delay_s, name, message))
            return
        kind = "camera" if name in CAMERAS else name
        for mark in [mark for mark in self._marks if mark[0] == kind]:
            self._marks.remove(mark)
            self._answer(mark[1])
        if name in self._publishers:
            self._publishers[name].publish(message)
        self._sent.setdefault(name, deque(maxlen=20)).append(message)
        self._answer_when_apart()

    def _answer_when_apart(self) -> None:
        """The instant from which on the cameras' newest frames lie further apart than 100 ms."""
        newest = [seconds(self._sent[name][-1].header.stamp) for name in CAMERAS if name in self._sent]
        if newest and max(newest) - min(newest) > 0.1:
            for mark in [mark for mark in self._marks if mark[0] == "apart"]:
                self._marks.remove(mark)
                self._answer(mark[1])

    def _step(self) -> None:
        if self._next is not None:
            self._on_set(self._next)
        self._tick += 1
        while self._late and self._late[0][0] <= time.monotonic():
            _, name, message = self._late.popleft()
            self._publishers[name].publish(message)
            self._sent[name].append(message)
        stamp = self._stamp()
        if self._clock is not None:
            self._clock.publish(Clock(clock=stamp))
        self._send("joints", self._joints(stamp))
        effort = [] if "effort" in self._set["without"] else [0.0]
        gripper = JointState(name=[self._robot.gripper.joint], position=[self._opening_m()], effort=effort)
        gripper.header.stamp = stamp
        self._send("gripper", gripper)
        if self._tick % 5 == 3 and self._set["replayed"]:
            # Between two new ones: a queue of one frame would otherwise hold the old one only.
            for name in (*CAMERAS, "gripper"):
                self._publishers[name].publish(self._sent[name][0])
        if self._tick % (5 * self._set["camera_every"]) == 0:
            for name, other in zip(CAMERAS, reversed(CAMERAS)):
                self._send(name, self._image(name, other, stamp))

    def _joints(self, stamp: Time) -> JointState:
        names, order = list(self._robot.arm.joints), list(range(len(ANGLES)))
        if self._set["names"] == "shuffled":
            self._random.shuffle(order)
        if self._set["names"] == "renamed":
            names[3] = "elbow"
        message = JointState(
            name=[names[i] for i in order],
            position=[ANGLES[i] + self._set["angle_rad"] for i in order],
            velocity=[self._velocity[i] for i in order],
        )
        if "velocity" in self._set["without"]:
            message.velocity = []
        if "last joint" in self._set["without"]:
            for part in (message.name, message.position, message.velocity):
                del part[-1]
        for field, value in self._set["senseless"].items():
            getattr(message, field)[0] = float(value)
        message.header.stamp = stamp
        return message

    def _image(self, name: str, other: str, stamp: Time) -> Image:
        channel = self._channels[name]
        size = (channel.height, channel.width, 3)
        if name == "left" and self._set["frozen"] and self._frozen_picture is not None:
            picture = self._frozen_picture
        elif self._set["picture"] == "noise":
            picture = self._rng.integers(0, 256, size, np.uint8)
        else:
            picture = np.full(size, 255 * (self._set["picture"] == "white"), np.uint8)
        if name == "left":
            self._frozen_picture = picture
        shown = self._channels[other] if self._set["swapped"] else channel
        message = message_from_rgb(picture, shown.frame_id)
        message.header.stamp = stamp
        if name == "left":
            for field, value in self._set["image"].items():
                if field == "cut":
                    del message.data[-value:]
                else:
                    setattr(message, field, value)
        return message


def main() -> None:
    rclpy.init()
    node = rclpy.create_node("fault_robot", namespace="/sawyer")
    Robot(node, "--clock" in sys.argv)
    rclpy.spin(node)


if __name__ == "__main__":
    main()
