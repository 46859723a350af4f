"""The modelled Sawyer (fake_sawyer.py) as a node of a real ROS 1: `python3 robot.py` prints a UDP port.

A test acts and sees by datagrams, as with fake_sawyer.py; robot and agent talk over rospy. With the messages of the
real SDK (INTERA_SDK) it also offers what that waits for: states of the tip, kinematics.
"""

import contextlib
import json
import queue
import socket
import sys
import threading
import time

import fake_sawyer
import rospy
import topics
from intera_core_msgs.msg import IOComponentConfiguration, IODeviceConfiguration, IONodeConfiguration

SUPPRESSED = (
    "collision_avoidance",
    "contact_safety",
    "cuff_interaction",
    "gravity_compensation",
    "head_self_collision",
)


class Node:
    """The robot's side of its topics. What comes from ROS waits in `received`."""

    def __init__(self):
        rospy.set_param("/robot_config/assembly_names", ["right", "torso", "head"])
        rospy.set_param("/robot_config/right_config/joint_names", fake_sawyer.NAMES)
        rospy.set_param("/manifest/robot_class", "sawyer")
        rospy.set_param("/manifest/robot_software/version/HLR_VERSION_STRING", "5.3.1_from_a_model")
        rospy.init_node("modelled_sawyer", disable_signals=True)
        self.received = queue.SimpleQueue()
        for topic, kind in topics.COMMANDS.items():
            rospy.Subscriber(topic, kind, self._on_command, topic, tcp_nodelay=True)
        # Nobody may publish here: the model counts it as odd.
        for name in SUPPRESSED:
            topic = f"{topics.LIMB}/suppress_{name}"
            rospy.Subscriber(topic, rospy.AnyMsg, lambda _, topic: self.received.put({"topic": topic}), topic)
        self._states = {
            topic: rospy.Publisher(topic, kind, queue_size=1, tcp_nodelay=True) for topic, kind in topics.STATES.items()
        }
        self._configurations = list(_configurations())
        with contextlib.suppress(ImportError):
            self._offer_what_the_sdk_waits_for()

    def _on_command(self, message, topic):
        self.received.put({"topic": topic, **topics.fields(topic, message)})

    def publish(self, said: dict) -> None:
        """States, stamped now."""
        now = rospy.Time.now()
        for topic, fields in said.items():
            message = topics.message(topic, fields)
            if hasattr(message, "header"):
                message.header.stamp = now
            elif hasattr(message, "time"):
                message.time = now
            self._states[topic].publish(message)

    def _offer_what_the_sdk_waits_for(self):
        from intera_core_msgs.msg import EndpointState, EndpointStates
        from intera_core_msgs.srv import SolvePositionFK, SolvePositionIK

        for name, kind in (("endpoint_state", EndpointState), ("tip_states", EndpointStates)):
            latched = rospy.Publisher(f"{topics.LIMB}/{name}", kind, queue_size=1, latch=True)
            latched.publish(kind())
            self._configurations.append(latched)
        for name, kind in (("IKService", SolvePositionIK), ("FKService", SolvePositionFK)):
            rospy.Service(f"/ExternalTools/right/PositionKinematicsNode/{name}", kind, lambda request: None)


def _configurations():
    """Publishers that hold the configuration of gripper and cuff."""
    now = rospy.Time.now()
    for topic in (topics.GRIPPER, topics.CUFF):
        publisher = rospy.Publisher(f"{topic}/config", IODeviceConfiguration, queue_size=1, latch=True)
        publisher.publish(IODeviceConfiguration(time=now, device=IOComponentConfiguration(topic.split("/")[-1], "{}")))
        yield publisher
    node = rospy.Publisher("/io/end_effector/config", IONodeConfiguration, queue_size=1, latch=True)
    node.publish(IONodeConfiguration(time=now, devices=[IOComponentConfiguration("right_gripper", "{}")]))
    yield node


def main():
    wire = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    wire.bind(("127.0.0.1", 0))
    node, listeners = Node(), set()
    print(wire.getsockname()[1], flush=True)

    def listen():
        while True:
            with contextlib.suppress(ConnectionError):
                data, sender = wire.recvfrom(65536)
                message = json.loads(data)
                listeners.add(sender) if message["topic"] == "hello" else node.received.put(message)

    threading.Thread(target=listen, daemon=True).start()
    robot, due_s = fake_sawyer.Sawyer(time.monotonic()), time.monotonic()
    while True:
        with contextlib.suppress(queue.Empty):
            robot.receive(node.received.get(timeout=max(0.0001, due_s - time.monotonic())), time.monotonic())
        now_s = time.monotonic()
        if now_s < due_s:
            continue
        due_s = max(due_s + fake_sawyer.TICK_S, now_s)
        robot.advance(now_s)
        said = robot.said(now_s)
        truth = json.dumps({"topic": "truth", **said.pop("truth")}).encode()
        node.publish({topic: fields for topic, fields in said.items() if topic not in robot.mute})
        for listener in list(listeners):
            with contextlib.suppress(ConnectionError):
                wire.sendto(truth, listener)


if __name__ == "__main__":
    sys.exit(main())
