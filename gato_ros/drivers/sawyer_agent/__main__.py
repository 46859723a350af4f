"""Velocity commands from a TCP connection to the Sawyer's ROS 1, and its state back.

python3 -m sawyer_agent --listen 0.0.0.0 --keys keys/agent      in a shell of the Intera SDK, beside the copied folder
"""

from __future__ import annotations

import argparse
import signal
import socket
import sys

from .agent import Agent, say
from .gate import SPEED_LIMITS
from .robot import Sawyer
from .tls import AGENT, KeysError, context


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--listen", default="127.0.0.1", help="address to listen at [%(default)s]")
    parser.add_argument("--port", type=int, default=7411, help="[%(default)s]")
    parser.add_argument(
        "--keys", metavar="FOLDER", help="agent.key, agent.crt and driver.crt: only that driver is served"
    )
    parser.add_argument(
        "--insecure", action="store_true", help="instead of --keys: serve whoever connects, without encryption"
    )
    parser.add_argument("--allow", action="append", default=[], metavar="ADDRESS", help="take drivers from there only")
    parser.add_argument("--gripper", default="right_gripper", help="the SDK's name of the gripper, or none")
    parser.add_argument(
        "--joint-silence",
        type=float,
        default=0.1,
        metavar="SECONDS",
        help="without joint states for so long the arm is stopped for good [%(default)s]",
    )
    options = parser.parse_args()
    if not 0.02 <= options.joint_silence <= 1.0:
        parser.error(f"expected --joint-silence from 0.02 to 1 s, got {options.joint_silence}")
    if bool(options.keys) == options.insecure:
        parser.error(
            "expected --keys FOLDER (python3 -m sawyer_agent.keys makes it), or --insecure, got {}".format(
                "both" if options.insecure else "neither"
            )
        )
    try:
        tls = context(options.keys, AGENT) if options.keys else None
    except KeysError as error:
        say(f"{error}; python3 -m sawyer_agent.keys FOLDER makes FOLDER/agent and FOLDER/driver")
        return 2
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((options.listen, options.port))
    except OSError as error:
        say(f"expected a free port; got {error} at {options.listen}:{options.port}; is another agent running?")
        return 2
    listener.listen(4)
    listener.setblocking(False)
    try:
        robot = Sawyer(options.gripper, options.joint_silence)
    except (ImportError, OSError) as error:
        say(f"no robot: {error}. Start this in a shell of the Intera SDK, with the robot's ROS_MASTER_URI")
        return 2
    if any(name not in SPEED_LIMITS for name in robot.names):
        say("this arm has joints that no Sawyer has: {}".format(" ".join(robot.names)))
        return 2
    agent = Agent(robot, listener, options.allow, tls)

    def end(number, frame):
        agent.stopping = True

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    say("listening at {}:{}".format(*listener.getsockname()))
    if tls is None:
        say("WARNING: --insecure: whoever reaches this port moves the arm, and nothing is encrypted")
    agent.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
