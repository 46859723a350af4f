"""recorder_node over DDS: what is in an episode, and what becomes of it when the process or the disk fails."""

import json
import os
import resource
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from mcap.reader import make_reader
from mcap_ros2.decoder import DecoderFactory
from rosbags.highlevel import AnyReader
from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger

from gato_ros.bench.recorder.sample_robot import PICTURES, label_of, pictures, read_log, rows_of
from gato_ros.data.checks.verification import verify_episode
from gato_ros.data.episodes.episode import episode_paths, read_episode
from gato_ros.data.episodes.mcap_channels import load_tracks
from gato_ros.data.episodes.recovery import partial_paths
from gato_ros.data.episodes.trash import in_trash
from gato_ros.data.frame_cache import frame_parts
from gato_ros.embodiments import load_embodiment
from gato_ros.nodes.messages.diagnosis import values_of
from gato_ros.nodes.runtime.qos import REPORT

ROBOT = load_embodiment()
NO_WATERMARKS = ("-p", "start_above_megabytes:=0", "-p", "finish_below_megabytes:=0")
BUSY = ("dropped", "Hz")
"""What `verify` rightly finds when the machine was too busy to run everything on time."""


class Bench:
    """A robot with its operator, the real guard, and a recorder."""

    def __init__(self, processes, probe, folder: Path, *arguments: str, program=None):
        self.processes, self.probe, self.folder, self.log = processes, probe, folder, folder.parent / "frames.log"
        self.status = probe.listen(DiagnosticStatus, "recorder_node/status", REPORT)
        self.commands = probe.listen(JointState, ROBOT.wire.arm_command, REPORT)
        self.verdicts = probe.listen(DiagnosticStatus, "guard_node/status", REPORT)
        self.recorder = self.start_recorder(*arguments, program=program)
        self.robot = processes.node("sample_robot", "-p", f'log:="{self.log}"')
        processes.node("guard_node", "-p", "start_armed:=true")
        self.follow()

    def follow(self) -> None:
        """Until the guard carries out what the operator wants; on a busy machine it may have latched."""
        last = lambda: self.verdicts[-1][1].message if self.verdicts else ""

        def rearm() -> None:
            if last() == "latched":
                self.probe.call(Trigger, "guard_node/reset", Trigger.Request())

        self.probe.wait(lambda: last() in ("ok", "limited"), "a guard that follows", 120.0, rearm)

    def start_recorder(self, *arguments: str, program=None):
        settings = (
            "-p",
            f'folder:="{self.folder}"',
            "-p",
            'task:="stack it"',
            "-p",
            'operator:="Ada"',
            *NO_WATERMARKS,
            *arguments,
        )
        if program:
            return self.processes.start(program, "--ros-args", "-r", "__ns:=/sawyer", *settings)
        return self.processes.node("recorder_node", *settings)

    def call(self, verb: str):
        return self.probe.call(Trigger, f"recorder_node/{verb}", Trigger.Request())

    def values(self) -> dict[str, str]:
        return values_of(self.status[-1][1]) if self.status else {}

    def wait_for(self, what: str, value, limit_s: float = 60.0) -> dict[str, str]:
        good = value if callable(value) else lambda found: found == str(value)
        self.probe.wait(lambda: self.status and good(self.values()[what]), f"{what} to be {value}", limit_s)
        return self.values()

    def start(self) -> None:
        """Begin an episode; a recorder that has only just been started may not have received every sensor yet."""
        end_s = time.monotonic() + 60.0
        while not (answer := self.call("start")).success:
            assert "every sensor received" in answer.message and time.monotonic() < end_s, answer.message
            self.probe.spin(0.1)

    def record(self, steps: int) -> None:
        """Start, and come back when so many steps are in the file."""
        self.start()
        self.wait_for("steps", lambda found: found and int(found) >= steps)


@pytest.fixture
def bench(processes, probe, tmp_path):
    return Bench(processes, probe, tmp_path / "episodes")


def commands_per_second(bench, seconds: float = 2.0) -> float:
    before = len(bench.commands)
    bench.probe.spin(seconds)
    return (len(bench.commands) - before) / seconds


def problems(path: Path) -> list[str]:
    return [problem for problem in verify_episode(path) if not any(word in problem for word in BUSY)]


def test_an_episode_does_not_begin_deaf(processes, probe, tmp_path):
    processes.node("recorder_node", "-p", f'folder:="{tmp_path}"', *NO_WATERMARKS)
    start = lambda: probe.call(Trigger, "recorder_node/start", Trigger.Request())
    answer = start()
    assert not answer.success and "nothing on" in answer.message
    assert all(ROBOT.observations[key].topic in answer.message for key in ROBOT.image_keys)
    processes.node("sim_node")
    probe.wait(lambda: start().success, "a recorder that receives the robot")
    assert len(list((tmp_path / ".partial").glob("*.mcap"))) <= 1 and not episode_paths(tmp_path)


@pytest.mark.fault("R4")
def test_an_episode_holds_what_was_seen_wanted_and_done(bench):
    bench.record(30)
    assert not bench.call("start").success
    assert bench.call("mark").success
    assert bench.call("stop_success").success
    path = Path(bench.wait_for("kept", 1)["last_path"])
    assert episode_paths(bench.folder) == [path] and problems(path) == []

    episode = read_episode(path)
    assert episode.outcome["success"] is True and episode.outcome["end"] == "stop_success"
    assert episode.outcome["steps"] == len(episode.steps) >= 30 and episode.outcome["marks"] == 1
    assert sum(tick.get("marks", 0) for tick in episode.ticks) == 1
    facts = episode.metadata
    assert (facts["task_text"], facts["operator"], facts["contract_digest"]) == ("stack it", "Ada", ROBOT.digest)
    assert facts["contract"]["name"] == ROBOT.name
    assert len(frame_parts(bench.folder)[0]) == len(episode.steps)  # as `train` reads it

    # Each step against what the robot says it sent.
    frames = rows_of(read_log(bench.log), episode.stamps_s)["frame"]
    assert (np.diff(frames) > 0).all()
    shown = pictures(128, 128)
    for key in ROBOT.image_keys:
        for row, frame in enumerate(frames):
            assert np.array_equal(episode.values[key][row], shown[frame % PICTURES]), (key, row)
    # A proposal belongs to the frame that it answers: a shift by one step would be seen.
    wanted = np.array([label_of(frame)[0] for frame in frames])
    right = np.isclose(episode.actions[:, 0], wanted, atol=1e-6)
    assert right.mean() > 0.8, "on a quiet machine it is all of them"
    assert not np.isclose(episode.actions[1:, 0], wanted[:-1], atol=1e-6).mean() > 0.2
    human = [tick for tick in episode.ticks if tick["source"] == "human"]
    assert len(human) > 0.8 * len(frames) and all(set(tick["proposals"]) <= {"human"} for tick in human)
    assert sum(tick["verdict"] in ("ok", "limited") for tick in human) > 0.8 * len(human), human[-1]
    assert all(0.0 <= age < 1.0 for tick in human for age in tick["ages_s"].values())
    assert np.abs(episode.executed[:, 0]).max() > 0.01 and np.isfinite(episode.executed).all()

    # The messages themselves, at their own rate, by two other readers.
    with path.open("rb") as file:
        decoded = [
            channel.topic
            for _, channel, _, _ in make_reader(file, decoder_factories=[DecoderFactory()]).iter_decoded_messages()
        ]
    assert decoded.count("/sawyer/joint_states") > 3 * len(frames) > 0
    with AnyReader([path]) as reader:
        named = {connection.topic for connection in reader.connections}
        commands = [
            reader.deserialize(data, connection.msgtype)
            for connection, _, data in reader.messages(
                [one for one in reader.connections if one.topic == "/sawyer/command/joint_velocity"]
            )
        ]
    assert len(commands) > 3 * len(frames) and list(commands[0].name) == ROBOT.arm.joints
    assert {f"/sawyer/{ROBOT.observations[key].topic}" for key in ROBOT.image_keys} < named
    assert {"/sawyer/human/twist", "/sawyer/guard_node/status", "/sawyer/command/gripper"} < named
    roles = {track.metadata["role"] for track in load_tracks(path, "", "").tracks.values()}
    assert roles == {"image", "observation", "state", "label", "executed", "tick", "raw"}


def test_what_is_discarded_or_done_again_is_in_the_trash(bench):
    assert not bench.call("discard").success and not bench.call("mark").success
    bench.record(3)
    first = bench.values()["episode"]
    assert bench.call("redo").success
    bench.wait_for("episode", lambda found: found not in ("", first))
    bench.wait_for("steps", lambda found: int(found) >= 3)
    assert bench.call("discard").success
    bench.wait_for("thrown_away", 2)
    thrown = in_trash(bench.folder)
    assert [one.reason for one in thrown] == ["redo while recording", "discard while recording"]
    assert all(problems(one.path) == [] and one.by == "Ada" for one in thrown)
    assert episode_paths(bench.folder) == [] and partial_paths(bench.folder) == []
    bench.record(3)
    assert bench.call("stop_fail").success
    assert read_episode(Path(bench.wait_for("kept", 1)["last_path"])).outcome["success"] is False


@pytest.mark.fault("R1")
def test_a_recorder_that_ends_finishes_and_a_killed_one_recovers(bench):
    bench.record(10)
    bench.recorder.send_signal(signal.SIGTERM)
    assert bench.recorder.wait(timeout=60) == 0
    (first,) = episode_paths(bench.folder)
    episode = read_episode(first)
    assert len(episode.steps) >= 10 and problems(first) == []
    assert episode.outcome["end"] == "interrupted" and episode.outcome["success"] is None
    assert "interrupted" in episode.outcome["flags"]

    before = first.read_bytes(), first.stat().st_mtime_ns
    bench.recorder = bench.start_recorder()
    bench.status.clear()
    bench.record(20)
    published = len(read_log(bench.log))
    bench.recorder.kill()
    bench.recorder.wait()
    (partial,) = partial_paths(bench.folder)
    bench.recorder = bench.start_recorder()
    bench.status.clear()
    values = bench.wait_for("recovered", lambda found: "recovered" in found)
    assert partial.name in values["recovered"] and partial_paths(bench.folder) == []
    (second,) = set(episode_paths(bench.folder)) - {first}
    episode = read_episode(second)
    assert problems(second) == [] and episode.outcome["recovered"] and len(episode.steps) >= 20
    # The frame that was last when `steps` was read, and some time for this machine to have been busy.
    last = rows_of(read_log(bench.log), episode.stamps_s)["frame"][-1]
    assert published - 1 - last <= 6
    assert (first.read_bytes(), first.stat().st_mtime_ns) == before


def tmpfs(folder: Path, megabytes: int) -> bool:
    folder.mkdir()
    return (
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "gato_ros_test", str(folder)], capture_output=True
        ).returncode
        == 0
    )


@pytest.mark.fault("R2")
def test_a_disk_that_runs_full_ends_the_episode_and_nothing_else(processes, probe, tmp_path):
    """A tmpfs of 7 MiB; where none can be mounted, a limit on the size of a file at the same seam."""
    disk = tmp_path / "disk"
    mounted = tmpfs(disk, 7)
    try:
        bench = Bench(processes, probe, disk / "episodes")
        usual = commands_per_second(bench)
        bench.record(3)
        if not mounted:
            resource.prlimit(bench.recorder.pid, resource.RLIMIT_FSIZE, (2_000_000, resource.RLIM_INFINITY))
        before = len(bench.commands)
        values = bench.wait_for("last_end", lambda found: found in ("disk_full", "failed"), 240.0)
        assert bench.commands[-1][0] - bench.commands[before][0] < 1.3 * (len(bench.commands) - before) / usual
        assert bench.recorder.poll() is None
        if mounted:
            path = Path(values["last_path"])
            episode = read_episode(path)
            assert "disk_full" in values["last_flags"] and problems(path) == []
            assert episode.outcome["end"] == "disk_full" and len(episode.steps) == episode.outcome["steps"] > 20
        else:  # not even the room set aside helps: it stays as it is for the next start
            assert partial_paths(disk / "episodes") and values["failed"] == "1"
    finally:
        processes.stop()
        if mounted:
            subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.fault("R2")
def test_a_slow_disk_costs_the_loop_nothing_and_drops_are_counted(processes, probe, tmp_path):
    slow = "tests/ros/slow_recorder.py"
    bench = Bench(processes, probe, tmp_path / "episodes", "-p", "queue_megabytes:=1", program=slow)
    usual = commands_per_second(bench)
    assert bench.call("start").success
    assert commands_per_second(bench) > 0.8 * usual
    bench.wait_for("dropped", lambda found: found and int(found) > 10)
    assert bench.call("stop_success").success
    path = Path(bench.wait_for("kept", 1)["last_path"])
    outcome = read_episode(path).outcome
    assert "dropped" in outcome["flags"] and sum(outcome["dropped"].values()) > 10
    assert any("dropped" in problem for problem in verify_episode(path))  # no silent gap


def test_a_disk_below_its_watermark_is_left_alone(processes, probe, tmp_path):
    huge = str(2**31 - 1)
    bench = Bench(processes, probe, tmp_path / "episodes", "-p", f"start_above_megabytes:={huge}")
    answer = bench.call("start")
    assert not answer.success and "MiB free" in answer.message
    bench.recorder.send_signal(signal.SIGINT)
    bench.recorder.wait(timeout=60)
    bench.status.clear()
    bench.recorder = bench.start_recorder("-p", f"finish_below_megabytes:={huge}")
    bench.start()
    values = bench.wait_for("last_end", lambda found: found in ("disk_low", "failed"))
    if values["last_end"] == "disk_low":
        assert "disk_low" in read_episode(Path(values["last_path"])).outcome["flags"]
    assert json.loads(json.dumps(values))["episode"] == "" and os.listdir(bench.folder)
