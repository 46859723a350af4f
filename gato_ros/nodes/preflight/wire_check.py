"""`python -m gato_ros.nodes.preflight.wire_check`: one message through DDS and back; exit 0 when it arrives.

For `doctor`, which runs it in a process of its own.
"""

from __future__ import annotations

import os
import sys
import time

TIMEOUT_S = 10.0


def main() -> None:
    """Publish until our own subscription receives it; prints the time from start to arrival."""
    # A domain that nothing else of this machine is likely to use, closed to the network.
    import rclpy
    from std_msgs.msg import Bool

    from gato_ros.nodes.runtime.transport import stay_on_this_machine

    stay_on_this_machine(os.environ)

    begin = time.monotonic()
    rclpy.init(domain_id=1 + os.getpid() % 100)
    node = rclpy.create_node("gato_ros_wire_check")
    received: list[Bool] = []
    node.create_subscription(Bool, "~/check", received.append, 1)
    publisher = node.create_publisher(Bool, "~/check", 1)
    try:
        while not received and time.monotonic() - begin < TIMEOUT_S:
            publisher.publish(Bool(data=True))
            rclpy.spin_once(node, timeout_sec=0.05)
    finally:
        node.destroy_node()
        rclpy.shutdown()
    if not received:
        print(f"no message within {TIMEOUT_S:.0f} s", file=sys.stderr)
        raise SystemExit(1)
    print(f"a message came back {1e3 * (time.monotonic() - begin):.0f} ms after start")


if __name__ == "__main__":
    main()
