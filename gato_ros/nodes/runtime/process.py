"""One node in one process: start-up, parameters, signals, exit code."""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
from collections.abc import Callable
from typing import Any, Protocol

import rclpy
from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from gato_ros.core.errors import SetupError
from gato_ros.core.outside import setup_error_from
from gato_ros.nodes.runtime.die_with_parent import end_with_parent_if_requested
from gato_ros.nodes.runtime.parameter_file import ROS_OWN, check_handed_files, resolve
from gato_ros.nodes.runtime.transport import avoid_shared_memory, uses_shared_memory


class Stop:
    """Becomes true at the first SIGINT, SIGTERM or SIGHUP (a closed terminal); later signals change nothing.

    rclpy's own handlers would shut the context down at once, and with it the publishers that still have to
    send zeros; a terminal and a launcher may each deliver the same Ctrl-C.
    """

    def __init__(self) -> None:
        self.requested = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._request)

    def _request(self, number: int, frame: Any) -> None:
        self.requested = True

    def __bool__(self) -> bool:
        return self.requested


class Runner(Protocol):
    """What a node module builds."""

    def run(self, stop: Stop) -> int | None:
        """Work until `stop` is true, then bring the robot to rest and return; an exit code if not 0."""


def declare_parameters(node: Node, kind: type) -> Any:
    """The node's parameters as a checked `kind`, declared in ROS with descriptions and ranges.

    Raises:
        SetupError: an unknown name or a bad value among the overrides.
    """
    overrides = {
        name: item.value
        for name, item in node.get_parameters_by_prefix("").items()
        if name not in ROS_OWN and not name.startswith("qos_overrides.")
    }
    parameters = resolve(kind, overrides, node.get_name())
    for item in dataclasses.fields(kind):
        if item.name in overrides:
            node.undeclare_parameter(item.name)
        descriptor = ParameterDescriptor(
            description=item.metadata["description"], read_only=not item.metadata["mutable"]
        )
        lower, upper = item.metadata["lower"], item.metadata["upper"]
        if lower is not None and isinstance(item.default, float):
            descriptor.floating_point_range = [FloatingPointRange(from_value=lower, to_value=upper)]
        elif lower is not None:
            descriptor.integer_range = [IntegerRange(from_value=int(lower), to_value=int(upper), step=1)]
        node.declare_parameter(item.name, getattr(parameters, item.name), descriptor, ignore_override=True)
    return parameters


def plain_node(name: str) -> Node:
    """A node that takes its parameters from whoever starts it."""
    return rclpy.create_node(name, automatically_declare_parameters_from_overrides=True)


def run_node(
    name: str, kind: type, build: Callable[[Node, Any], Runner], make: Callable[[str], Node] = plain_node
) -> int:
    """Run one node until a signal; 0 after a clean stop, or what `run` says; 2 (and one line) where it cannot start."""
    stop = Stop()
    end_with_parent_if_requested()
    avoid_shared_memory(os.environ)
    try:
        check_handed_files(sys.argv, name, kind)
    except SetupError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 2
    try:
        rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    except Exception as error:  # rcl reports bad arguments and bad YAML by several private types
        what, expected = " ".join(str(error).split()), "valid ROS arguments and parameter files"
        if os.environ.get("ROS_SECURITY_ENABLE", "").lower() == "true":
            # rcl's own message is "error not set" here.
            expected += ", and the keys that ROS_SECURITY_ENABLE asks for in ROS_SECURITY_KEYSTORE"
        print(f"{name}: expected {expected}; got: {what}", file=sys.stderr)
        return 2
    node = None
    try:
        node = make(name)
        if uses_shared_memory():
            node.get_logger().warning(
                "Fast DDS uses shared memory here: a process that is killed at the wrong moment can hold this one up "
                "for seconds. Take it out of the profiles file, or set no ROS_STATIC_PEERS with LOCALHOST"
            )
        return build(node, declare_parameters(node, kind)).run(stop) or 0
    except Exception as error:
        known = setup_error_from(error)
        if known is None or os.environ.get("GATO_ROS_TRACEBACK") == "1":
            raise  # a fault of ours: in a robot's log the traceback is worth more than a short line
        print(f"{name}: {known}", file=sys.stderr)
        return 2
    finally:
        if node is not None:
            node.destroy_node()
        rclpy.try_shutdown()
