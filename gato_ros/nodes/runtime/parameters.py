"""The parameters of all nodes: names, defaults, meanings and ranges in one place, without ROS."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from gato_ros.nodes.runtime.parameter_file import ROS_OWN, check_parameter_file, resolve

__all__ = ["ROS_OWN", "check_parameter_file", "resolve"]

AUTOSTART = "true: configure and activate by itself, as soon as the gate lets it; false: wait for a manager"


def parameter(
    default: Any, description: str, *, lower: float | None = None, upper: float | None = None, mutable: bool = False
) -> Any:
    """A dataclass field that is a node parameter; `mutable` ones may be set while the node runs."""
    return field(
        default=default, metadata={"description": description, "lower": lower, "upper": upper, "mutable": mutable}
    )


@dataclass(frozen=True)
class GuardParameters:
    """guard_node. The robot's own limits are not here: they come from its contract."""

    embodiment: str = parameter("sawyer_rgb_stacking", "name of a shipped contract, or the path of a YAML one")
    rate_hz: float = parameter(100.0, "steps per second, on a steady clock", lower=100.0, upper=500.0)
    proposal_validity_s: float = parameter(0.08, "a proposal is followed this long at most [s]", lower=0.01, upper=0.2)
    future_tolerance_s: float = parameter(0.05, "how far ahead of our clock a stamp may be [s]", lower=0.0, upper=0.1)
    latch_after_s: float = parameter(1.0, "a stop in mid-motion this long needs a reset [s]", lower=0.1, upper=10.0)
    hand_back_ramp_s: float = parameter(
        0.5, "a policy that has the arm back from a human is at full speed after this long [s]", lower=0.0, upper=5.0
    )
    shadow: bool = parameter(False, "true: a policy moves nothing; what it would do is published on shadow/*")
    start_armed: bool = parameter(False, "true: follow proposals without a first ~/reset (simulation only)")
    # Not `off`: YAML reads that as false.
    switched_off: str = parameter("", "parts of the guard, comma between; warned of, and named in every status")
    autostart: bool = parameter(True, AUTOSTART)


@dataclass(frozen=True)
class PolicyParameters:
    """policy_node."""

    embodiment: str = parameter("sawyer_rgb_stacking", "name of a shipped contract, or the path of a YAML one")
    policy: str = parameter(
        "hold",
        "directory of weights, the name of shipped ones, `hold`: stand still, or grpc://HOST:PORT of `gato_ros serve`; "
        "of the next configure",
        mutable=True,
    )
    server_keys: str = parameter(
        "", "policy:=grpc://...: folder with driver.key, driver.crt and agent.crt; needed for another machine"
    )
    weights_digest: str = parameter("", "sha256 that the weights must have, or how it begins; nothing: whichever")
    task: str = parameter("", "what to do, in words, for a policy that reads it; of the next ~/reset", mutable=True)
    prompt: str = parameter("", "episode file to follow, or nothing; ~/reload_prompt reads it again", mutable=True)
    prompt_part: str = parameter(
        "start", "start: the demonstration's first steps; end: its last, the goal", mutable=True
    )
    precision: str = parameter("", "float32, bfloat16, bfloat16_weights, mixed or int8; nothing: as it was trained")
    compilation_cache: str = parameter("", "folder for compiled code, `off`, or nothing: the user's cache")
    propose_at_start: bool = parameter(True, "false: propose only after ~/propose is called with true")
    hold_above_entropy: float = parameter(
        0.0,
        "nothing is proposed while the actions' mean entropy is above this for 5 control periods [nat]; 0: never held",
        lower=0.0,
        upper=7.0,
    )
    saliency_rate_hz: float = parameter(
        0.0,
        "maps per second of what an action depends on in the pictures, as far as control leaves time, while somebody "
        "subscribes; 0: never",
        lower=0.0,
        upper=5.0,
    )
    future_tolerance_s: float = parameter(0.05, "how far ahead of our clock a stamp may be [s]", lower=0.0, upper=0.1)
    autostart: bool = parameter(True, AUTOSTART)


@dataclass(frozen=True)
class SimParameters:
    """sim_node."""

    embodiment: str = parameter("sawyer_rgb_stacking", "name of a shipped contract, or the path of a YAML one")
    objects: str = parameter("cubes", "object set of the next ~/reset", mutable=True)
    task: str = parameter("red_on_blue", "red_on_blue, lift_red, push_red ..., of the next ~/reset", mutable=True)
    seed: int = parameter(0, "seed of the next ~/reset", lower=0, upper=2**31 - 1, mutable=True)
    gui: bool = parameter(False, "true: show the simulator's window")
    lockstep: bool = parameter(False, "true: publish /clock and advance only when a command for the tick arrives")
    ground_truth: bool = parameter(False, "true: publish ~/ground_truth for a scripted expert; no robot has it")
    neighbours: bool = parameter(
        False, "true: the arms of the contract's guard.neighbours stand in the same world, each with its own namespace"
    )
    neighbour_task: str = parameter("green_on_red", "what to do where a neighbour works")


@dataclass(frozen=True)
class DriverParameters:
    """driver_node."""

    embodiment: str = parameter("sawyer_rgb_stacking", "name of a shipped contract, or the path of a YAML one")
    driver: str = parameter("mock", "mock: joints without physics; sawyer: the arm behind a sawyer_agent")
    host: str = parameter("127.0.0.1", "machine on which sawyer_agent listens")
    port: int = parameter(7411, "its port", lower=1, upper=65535)
    keys: str = parameter(
        "", "folder with driver.key, driver.crt and agent.crt, made by gato_ros.drivers.sawyer_agent.keys"
    )
    insecure: bool = parameter(False, "true: connect to sawyer_agent without keys; whoever reaches it can move the arm")
    enable_at_start: bool = parameter(False, "true: no ~/enable is needed the first time; after a stop it always is")
    mock_e_stop: bool = parameter(False, "true: the mock's emergency stop is pressed", mutable=True)


@dataclass(frozen=True)
class TeleopParameters:
    """teleop_node."""

    embodiment: str = parameter("sawyer_rgb_stacking", "name of a shipped contract, or the path of a YAML one")
    device: str = parameter("keyboard", "keyboard, joy, spacemouse, pose, leader, or expert: the simulator's script")
    mapping: str = parameter("", "axes and buttons: name of a shipped YAML, path of one, or nothing: the device's own")
    frame: str = parameter("base", "base, or tool: `forward` turns with the gripper about the vertical")
    speed_scale: float = parameter(1.0, "speed at full deflection, as a share of the contract's", lower=0.1, upper=1.0)
    ramp_s: float = parameter(
        0.3, "a motion is at full speed this long after the dead man's press [s]", lower=0.0, upper=2.0
    )
    input_timeout_s: float = parameter(
        0.08, "a joystick that is silent for longer has let go [s]", lower=0.02, upper=0.2
    )
    unchanged_timeout_s: float = parameter(
        2.0,
        "a joystick that moves the arm and repeats one message for longer has let go [s]; 0: never",
        lower=0.0,
        upper=60.0,
    )
    key_hold_s: float = parameter(0.15, "a key counts for this long after its last repeat [s]", lower=0.05, upper=0.5)
    key_claim_s: float = parameter(
        0.7, "the arm is kept this long after the last key [s]: terminals repeat late", lower=0.0, upper=3.0
    )
    hand_scale: float = parameter(1.0, "pose, leader: metres of the arm for one of the hand", lower=0.05, upper=5.0)
    hand_yaw_deg: float = parameter(
        0.0, "pose, leader: the hand's x axis, turned about the vertical from the arm's", lower=-180.0, upper=180.0
    )
    leader: str = parameter("", "the leader arm's contract, name or path; nothing: an arm like this one")
    task: str = parameter("red_on_blue", "what the expert does: red_on_blue, lift_red, push_red ...")
    hands_on: bool = parameter(True, "false: the expert waits for ~/hands_on")


@dataclass(frozen=True)
class ManagerParameters:
    """lifecycle_manager."""

    managed: str = parameter("guard_node,policy_node", "nodes in the order of bringing up, comma between")
    autostart: bool = parameter(True, "false: bring up only after ~/bring_up is called")


@dataclass(frozen=True)
class IncidentParameters:
    """incident_node."""

    embodiment: str = parameter("sawyer_rgb_stacking", "name of a shipped contract, or the path of a YAML one")
    folder: str = parameter("", "where incidents go; nothing: gato_ros/incidents under ROS_HOME or ~/.ros")
    seconds: float = parameter(30.0, "how much of the past is held [s]", lower=1.0, upper=600.0)
    after_s: float = parameter(1.0, "how much of what follows a latch is added [s]", lower=0.0, upper=10.0)
    most_megabytes: int = parameter(256, "memory for the messages held [MiB]", lower=1, upper=65536)
    incidents_per_hour: int = parameter(12, "no more are written, however often it latches", lower=1, upper=1000)
    least_free_megabytes: int = parameter(2048, "the disk keeps this much free [MiB]", lower=0, upper=2**31 - 1)


@dataclass(frozen=True)
class ViewParameters:
    """view_node."""

    embodiment: str = parameter("sawyer_rgb_stacking", "name of a shipped contract, or the path of a YAML one")
    rate_hz: float = parameter(10.0, "pictures and markers per second", lower=1.0, upper=20.0)
    tf: bool = parameter(True, "false: /tf is robot_state_publisher's")
    rerun: str = parameter("", "`spawn`: show all in Rerun; a path: write it there as .rrd; nothing: no Rerun")


@dataclass(frozen=True)
class ConsoleParameters:
    """console_node."""

    embodiment: str = parameter("sawyer_rgb_stacking", "name of a shipped contract, or the path of a YAML one")
    address: str = parameter(
        "127.0.0.1", "where the page is; any but this machine's own needs the token that is printed, and speaks TLS"
    )
    port: int = parameter(8088, "of the page; 0: any free one", lower=0, upper=65535)
    read_only: bool = parameter(False, "true: everybody looks, and nobody commands, stops or records")
    picture_rate_hz: float = parameter(10.0, "pictures of each camera per second", lower=1.0, upper=20.0)
    speed_scale: float = parameter(0.5, "speed of a held button, as a share of the contract's", lower=0.1, upper=1.0)
    ramp_s: float = parameter(0.3, "a held button is at full speed after this long [s]", lower=0.0, upper=2.0)
    hold_timeout_s: float = parameter(
        0.12, "a browser that is silent for longer has let go of its button [s]", lower=0.06, upper=0.2
    )
    recordings: str = parameter("recordings", "folder of the episodes that the page shows; nothing: none")
    incidents: str = parameter(
        "", "folder of the incidents that it shows; nothing: gato_ros/incidents under ROS_HOME or ~/.ros"
    )
    reports: str = parameter("", "folder of the evaluations that it shows; nothing: none")
    prompts: str = parameter("", "folder of the episodes that it offers as prompts; nothing: none")
    policies: str = parameter("", "folder of folders of weights that it offers beside the shipped ones; nothing: none")


@dataclass(frozen=True)
class RecorderParameters:
    """recorder_node. Its task, operator and about are those of the next ~/start."""

    embodiment: str = parameter("sawyer_rgb_stacking", "name of a shipped contract, or the path of a YAML one")
    folder: str = parameter("recordings", "where episodes go; one recorder to a folder")
    prefix: str = parameter("teleop", "what the names of episodes begin with")
    task: str = parameter("", "what is done, in words", mutable=True)
    operator: str = parameter("", "who is in the operator's seat", mutable=True)
    about: str = parameter("", "more to write into each episode, as a JSON object", mutable=True)
    start_above_megabytes: int = parameter(
        4096, "no episode is begun with less free on the disk [MiB]", lower=0, upper=2**31 - 1
    )
    finish_below_megabytes: int = parameter(
        2048, "with less free the running one is finished and flagged [MiB]", lower=0, upper=2**31 - 1
    )
    queue_megabytes: int = parameter(256, "memory for messages that wait for a slow disk [MiB]", lower=1, upper=65536)
