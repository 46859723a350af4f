"""incident_node over DDS: what led to a latch is on the disk, and `replay` finds it so, or says where it is not."""

import json
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from mcap.reader import make_reader
from mcap_ros2.decoder import DecoderFactory
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Bool
from std_srvs.srv import SetBool, Trigger

from gato_ros.cli import main
from gato_ros.core.guard.incident_filter import ENDED
from gato_ros.data.incidents.incident import Topic, read_incident, write_incident
from gato_ros.data.incidents.message_ring import Kept
from gato_ros.embodiments import load_embodiment
from gato_ros.models.layout import token_layout
from gato_ros.models.parameters import parameter_shapes
from gato_ros.models.presets import PRESETS
from gato_ros.models.weights import load_weights, save_weights
from gato_ros.nodes.messages.clocks import seconds
from gato_ros.nodes.messages.image import message_from_rgb
from gato_ros.nodes.runtime.qos import CAMERA, COMMAND, REPORT

ROBOT = load_embodiment()
LAYERS = ["tokens", "proposal", "handover", "verdict", "command"]


def incidents(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.mcap"))


def replay(path: Path, *arguments: str) -> tuple[int, dict]:
    out = path.with_suffix(".json")
    with pytest.raises(SystemExit) as end:
        main(["replay", str(path), "--json", str(out), *arguments])
    result = json.loads(out.read_text()) if end.value.code != 2 else {}
    return end.value.code, {layer["name"]: layer for layer in result.get("layers", [])}


def rewritten(path: Path, alter) -> Path:
    """The incident with `alter(topic's role, message)` in place of each message; checksums fit again."""
    incident, topics, kept = read_incident(path), {}, []
    for name, track in incident.tracks.tracks.items():
        role = track.metadata["role"]
        topics[name] = Topic(name, track.message_type, role, track.metadata.get("key", ""))
        kept += [
            (sequence, Kept(0.0, stamp_ns, name, alter(role, data)))
            for sequence, stamp_ns, data in zip(track.steps, track.stamps_ns, track.data)
        ]
    own = {"schema_version", "package_version"}
    return write_incident(
        path.parent,
        "altered",
        topics,
        [one for _, one in sorted(kept, key=lambda pair: pair[0])],
        {key: value for key, value in incident.about.items() if key not in own},
    )


class Guarded:
    """guard_node and incident_node, a robot that stands still and somebody who proposes a motion."""

    def __init__(self, processes, probe, folder, *arguments):
        self.probe, self.folder = probe, folder
        self.status = probe.listen(DiagnosticStatus, "guard_node/status", REPORT)
        self.commands = probe.listen(JointState, ROBOT.wire.arm_command, REPORT)
        self.pressed = probe.node.create_publisher(Bool, "e_stop", COMMAND)
        processes.start("tests/ros/still_robot.py")
        # Not before the recorder receives it, too: on a busy machine they may find each other seconds after the guard.
        self.policy = processes.start("tests/ros/moving_policy.py", "--ros-args", "-p", "subscribers:=2")
        self.node = processes.node("incident_node", "-p", f'folder:="{folder}"', "-p", "after_s:=0.3", *arguments)
        self.guard = processes.node("guard_node")
        probe.wait(lambda: self.node_is_up(), "incident_node")
        self.move()

    def node_is_up(self) -> bool:
        return self.probe.node.count_subscribers("/sawyer/guard_node/journal") > 0

    def move(self) -> None:
        self.pressed.publish(Bool(data=False))
        self.probe.wait(
            lambda: self.moving(),
            "motion",
            meanwhile=lambda: self.probe.call(Trigger, "guard_node/reset", Trigger.Request()),
        )

    def moving(self) -> bool:
        return bool(self.status) and self.status[-1][1].message in ("ok", "limited")

    def stop(self) -> None:
        self.probe.wait(
            lambda: self.status[-1][1].message == "latched",
            "the latch",
            meanwhile=lambda: self.pressed.publish(Bool(data=True)),
        )

    def wait_for(self, count: int) -> list[Path]:
        self.probe.wait(lambda: len(incidents(self.folder)) >= count, f"{count} incidents")
        return incidents(self.folder)


def test_a_policy_is_killed_and_its_last_seconds_are_replayed(processes, probe, tmp_path, capsys):
    config, folder = PRESETS["debug"], tmp_path / "weights"
    rng, shapes = np.random.default_rng(0), parameter_shapes(config, token_layout(ROBOT.spec, config))
    import jax

    save_weights(
        folder, jax.tree.map(lambda leaf: 0.1 * rng.standard_normal(leaf.shape, np.float32), shapes), config, ROBOT
    )
    status = probe.listen(DiagnosticStatus, "guard_node/status", REPORT)
    processes.node("sim_node")
    # Shorter than the episode: the replay has to begin in the middle of what the policy remembers.
    processes.node("incident_node", "-p", f'folder:="{tmp_path}"', "-p", "after_s:=0.3", "-p", "seconds:=3.0")
    policy = processes.node("policy_node", "-p", f'policy:="{folder}"')
    processes.node("guard_node", "-p", "start_armed:=true")
    latched = lambda: bool(status) and status[-1][1].message == "latched"

    def rearm() -> None:
        if latched():  # a machine that is busy enough latches by itself
            probe.call(Trigger, "guard_node/reset", Trigger.Request())

    def follow(verdicts: int) -> None:
        followed = lambda: sum(message.message in ("ok", "limited") for _, message in status)
        before = followed()
        probe.wait(lambda: followed() > before + verdicts, f"{verdicts} steps", 240.0, meanwhile=rearm)

    follow(200)
    ended = lambda: {path for path in incidents(tmp_path) if path.stem.endswith("_proposal")}
    earlier = ended()  # on a machine that is too busy
    # The end of an episode is no incident.
    assert probe.call(SetBool, "policy_node/propose", SetBool.Request(data=False)).success
    probe.wait(latched, "the latch that ends an episode")
    probe.spin(1.0)
    assert ended() == earlier
    assert probe.call(SetBool, "policy_node/propose", SetBool.Request(data=True)).success
    follow(450)
    earlier = ended()
    policy.kill()
    probe.wait(lambda: ended() - earlier, "the incident")
    (path,) = ended() - earlier

    incident = read_incident(path)
    assert incident.about["robot"] == ROBOT.name and incident.about["reason"] in ENDED
    with path.open("rb") as file:  # as Foxglove and rosbag2 read it: by its own definitions
        topics = {
            channel.topic
            for _, channel, _, _ in make_reader(file, decoder_factories=[DecoderFactory()]).iter_decoded_messages()
        }
    assert {f"/sawyer/{ROBOT.observations[key].topic}" for key in ROBOT.image_keys} < topics
    assert {"/sawyer/joint_states", "/sawyer/proposal/twist", "/sawyer/command/joint_velocity"} < topics

    code, layers = replay(path)
    shown = capsys.readouterr().out
    assert code == 0 and "no difference" in shown, shown
    assert list(layers) == LAYERS and all(layer["compared"] > 3 for layer in layers.values()), shown

    # One bit of each proposal, of its linear z: the model does not say that, the guard never received it. And a part
    # of every seventh picture.
    images = []

    def alter(role, data):
        images.extend([role] if role == "image" else [])
        if role == "proposal_twist":
            return data[:-32] + bytes([data[-32] ^ 1]) + data[-31:]
        return data[:-9000] + bytes(200) + data[-8800:] if role == "image" and len(images) % 7 == 0 else data

    code, layers = replay(rewritten(path, alter))
    assert code == 1
    assert [name for name in LAYERS if layers[name]["different"]] == ["tokens", "proposal", "handover"]
    assert all(layers[name]["different"] == layers[name]["compared"] for name in ("proposal", "handover"))
    assert 0 < layers["tokens"]["different"] < layers["tokens"]["compared"]
    assert "patches" in layers["tokens"]["first"]["where"]
    first = layers["proposal"]["first"]
    assert "on the wire" in first["where"] and first["recorded"] != first["replayed"]
    assert "proposal: first difference -" in capsys.readouterr().out
    (tmp_path / "altered.mcap").unlink()

    # Another weight: refused, or requested.
    loaded, other = load_weights(folder, ROBOT), tmp_path / "other"
    params = jax.tree.map(np.array, loaded.params)
    for leaf in jax.tree.leaves(params):
        leaf.flat[0] += 0.5
    save_weights(other, params, config, ROBOT)
    code, _ = replay(path, "--policy", str(other))
    assert code == 2 and "--anyway" in capsys.readouterr().err
    code, layers = replay(path, "--policy", str(other), "--anyway")
    assert code == 1 and not layers["tokens"]["different"] and layers["proposal"]["different"]
    assert not layers["verdict"]["different"]


def test_each_latch_is_one_incident_and_a_bound_per_hour_holds(processes, probe, tmp_path):
    scene = Guarded(processes, probe, tmp_path, "-p", "incidents_per_hour:=2")
    probe.spin(1.0)  # the first has something to tell, however soon the arm was armed
    for count in (1, 2):
        scene.stop()
        assert len(scene.wait_for(count)) == count
        scene.move()
    scene.stop()
    probe.spin(1.0)
    assert len(incidents(tmp_path)) == 2  # the third was one too many
    answer = probe.call(Trigger, "incident_node/write", Trigger.Request())
    assert answer.success  # but who asks gets one
    paths = scene.wait_for(3)
    about = [read_incident(path).about for path in paths]
    assert [one["reason"] for one in about] == ["emergency_stop", "emergency_stop", "requested"]
    assert about[2]["asked"] and about[2]["refused_before"] == 1
    code, layers = replay(paths[0], "--part", "guard")
    assert code == 0 and layers["verdict"]["compared"] > 50 and layers["handover"]["compared"] > 5


@pytest.mark.fault("P3")
def test_a_recorder_that_is_stopped_or_killed_costs_the_guard_nothing(processes, probe, tmp_path, stalls):
    scene = Guarded(processes, probe, tmp_path)

    def longest_silence_s(since: int) -> float:
        """By the guard's stamps: what this process was too busy to receive in time was still said."""
        return float(np.diff([seconds(message.header.stamp) for _, message in scene.commands[since:]]).max())

    def watch(seconds: float) -> None:
        """A tick is 10 ms; a guard that waited for its reader was silent for 1 to 3 s."""
        since, kept_waiting = len(scene.commands) - 1, stalls(guard=scene.guard.pid)
        probe.spin(seconds)
        probe.wait(lambda: len(scene.commands) > since + 1, "a command")
        assert longest_silence_s(since) < kept_waiting.limit_s(0.3), kept_waiting

    before = scene.commands[-1].number
    for _ in range(40):  # often: it has to be caught while it holds what others wait for
        scene.node.send_signal(signal.SIGSTOP)
        watch(0.1)
        scene.node.send_signal(signal.SIGCONT)
        watch(0.05)
    scene.node.kill()
    for _ in range(10):
        watch(0.2)
    probe.wait(lambda: scene.commands[-1].number > before + 400, "commands that go on")


def test_a_kill_in_the_middle_of_writing_leaves_no_file_of_that_name(processes, probe, tmp_path):
    scene = Guarded(processes, probe, tmp_path)
    key = ROBOT.image_keys[0]
    camera = probe.node.create_publisher(Image, ROBOT.observations[key].topic, CAMERA)
    rng = np.random.default_rng(0)
    for _ in range(150):  # noise does not compress: writing takes a while
        message = message_from_rgb(rng.integers(0, 256, (512, 512, 3), np.uint8), "x")
        message.header.stamp = probe.stamp()
        camera.publish(message)
        probe.spin(0.01)
    probe.call(Trigger, "incident_node/write", Trigger.Request())
    end_s = time.monotonic() + 60.0
    while not list((tmp_path / ".partial").glob("*.mcap")):
        assert time.monotonic() < end_s, "nothing is written"
    os.kill(scene.node.pid, signal.SIGKILL)
    scene.node.wait()
    begun = {path.name for path in (tmp_path / ".partial").glob("*.mcap")}
    # On a busy machine the guard may have latched before: that incident is whole, and has another name.
    assert len(begun) == 1 and begun.isdisjoint(path.name for path in incidents(tmp_path))


def test_at_its_end_it_finishes_what_is_due(processes, probe, tmp_path):
    scene = Guarded(processes, probe, tmp_path, "-p", "after_s:=10.0")
    scene.stop()
    probe.spin(0.3)
    scene.node.send_signal(signal.SIGINT)
    assert scene.node.wait(timeout=60.0) == 0
    (path,) = incidents(tmp_path)
    assert read_incident(path).about["reason"] == "emergency_stop"
