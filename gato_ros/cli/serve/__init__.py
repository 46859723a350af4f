"""Serve a policy to a robot's policy_node from another process or machine; the robot's computer then needs no JAX.

One line says where, once the policy is warm. One client at a time, for a policy remembers one robot's steps. On an
address that other machines reach both sides need keys; `python -m gato_ros.drivers.sawyer_agent.keys FOLDER` makes
them: FOLDER/agent is for this machine, FOLDER/driver for the robot's. Ctrl-C ends it. docs/how-to/remote_inference.md.
"""

from __future__ import annotations

import gc
import signal
from dataclasses import dataclass
from pathlib import Path

from gato_ros.core.errors import SetupError
from gato_ros.remote.address import parse_address


@dataclass(frozen=True)
class Options:
    """Which policy, for which robot, and where."""

    policy: str
    """A folder with weights, the name of shipped ones, or `hold`: stand still."""
    address: str = "127.0.0.1:7412"
    """HOST:PORT to listen on; port 0: any free one. 127.0.0.1 is this machine alone."""
    keys: Path | None = None
    """Folder with agent.key, agent.crt and driver.crt; needed where other machines reach the address."""
    embodiment: str | None = None
    """Name or path of the robot's contract, the same as on the robot's computer. Default: the robot that the weights
    know; sawyer_rgb_stacking where they know it."""
    precision: str = ""
    """float32, bfloat16, bfloat16_weights, mixed or int8. Default: as it was trained."""
    json: Path | None = None
    """Write here what was served, at the end."""


def run(options: Options) -> dict:
    """Load, warm up, listen; until a signal."""
    from gato_ros.embodiments import load_embodiment
    from gato_ros.evaluation.policy_source import robot_for, robot_policy
    from gato_ros.remote.credentials import server_credentials
    from gato_ros.remote.grpc_package import require_grpc
    from gato_ros.remote.host import PolicyHost
    from gato_ros.remote.server import PolicyServer

    address = parse_address(options.address, "--address", lowest_port=0)
    keys = "" if options.keys is None else str(options.keys)
    if options.precision and options.policy == "hold":
        raise SetupError(expected="weights with --precision", got="hold", fix="leave --precision out")
    require_grpc()
    server_credentials(keys, address)  # before what takes long
    robot = load_embodiment(robot_for(options.policy, options.embodiment))
    policy = robot_policy(options.policy, robot, precision=options.precision)
    # What is here stays: to look through all of it for garbage would come in the middle of a step.
    gc.collect()
    gc.freeze()
    server = PolicyServer(PolicyHost(policy, robot, options.policy, options.precision), address, keys)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    digest = policy.info.digest
    print(
        f"serving {options.policy} ({f'sha256 {digest[:12]}' if digest else 'no weights'}) for {robot.name} on "
        f"{server.address}{', with keys' if keys else ''}",
        flush=True,
    )
    try:
        server.wait()
    except KeyboardInterrupt:  # the usual end
        pass
    finally:
        server.close()
    return {"policy": options.policy, "weights": digest, "address": str(server.address)}


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt
