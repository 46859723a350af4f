"""The one check before training and exports: what stops, what is said once, and when it reads a file again."""

import os
import re

import numpy as np
import pytest

from gato_ros.core.arm_action import ArmAction
from gato_ros.core.errors import SetupError
from gato_ros.data.checks import episode as episode_check
from gato_ros.data.checks.episode import checked, checked_all, refuse_snapshots, refuse_training
from gato_ros.data.episodes.label import add_label
from gato_ros.data.frame_blocks import Blocks
from gato_ros.data.frames import SUFFIX, Frames, save_frames
from gato_ros.embodiments import load_embodiment
from tests.data.recordings import FACTS, OPERATED, ROBOT, write


@pytest.fixture
def reads(monkeypatch):
    """Files that were read through."""
    found, inspect = [], episode_check.inspect_episode

    def counting(path, robot=None):
        found.append(path.name)
        return inspect(path, robot)

    monkeypatch.setattr(episode_check, "inspect_episode", counting)
    return found


def spoil(key, step_of, bad):
    def change(step, values):
        if step == step_of:
            values[key][0] = bad

    return change


def refusal(folder, robot=ROBOT, keys=()):
    with pytest.raises(SetupError) as error:
        refuse_training(checked_all(sorted(folder.glob("*.mcap")), robot), robot, keys)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_what_would_teach_something_wrong_stops_with_file_step_channel_and_a_way_out(tmp_path):
    write(tmp_path, "good")
    cases = {
        "nan": ({"change": spoil("gripper/grasp", 3, np.nan)}, "gripper/grasp: not finite at 1 step: 3"),
        "label": (
            {"action": lambda step: ArmAction(np.array([0.49, 0, 0, 0]), 0.0)},
            r"action: out .* at 12 steps: 0-11",
        ),
        "slow": ({"stamp_s": lambda step: step / 10}, "recorded at 10 Hz, .* says 20 Hz"),
        "stands": ({"stamp_s": lambda step: 1.0}, "stamps stand at 11 steps: 1-11"),
    }
    for name, (options, text) in cases.items():
        path = write(tmp_path / name, name, **options)
        said = refusal(path.parent)
        assert re.search(text, said) and str(path) in said and f"episodes trash {path}" in said
        path.rename(tmp_path / path.name)
    assert f"(and {len(cases) - 1} more problems, in {len(cases)} files)" in refusal(tmp_path)
    cut = tmp_path / "nan.mcap"
    cut.write_bytes(cut.read_bytes()[:-40])
    for path in tmp_path.glob("[ls]*.mcap"):
        path.unlink()
    assert "nan.mcap: truncated" in refusal(tmp_path)


def test_an_episode_of_another_rate_is_taken_with_a_contract_of_that_rate(tmp_path):
    path = write(tmp_path, stamp_s=lambda step: step / 10)
    assert f"extends: {ROBOT.name}" in refusal(tmp_path) and "control_rate_hz" in refusal(tmp_path)
    (tmp_path / "slow.yaml").write_text(f"extends: {ROBOT.name}\nname: slow\ncontrol_rate_hz: 10.0\n")
    slow, said = load_embodiment(tmp_path / "slow.yaml"), []
    refuse_training(checked_all([path], slow), slow, say=said.append)
    assert said == []


def test_observations_that_the_model_reads_must_be_there(tmp_path):
    write(tmp_path)
    assert "no task/text, which the model reads" in refusal(tmp_path, keys=("gripper/grasp", "task/text"))


def test_what_is_worth_knowing_is_said_once(tmp_path):
    for name in "abc":
        write(tmp_path, name, change=spoil("sawyer/joints/angle", 2, 9.0))
    path = write(tmp_path, "d", steps=[0, 1, 2, 4, 5])
    add_label(path, note="x", by="Ada")
    path.unlink()
    write(tmp_path, "d", steps=[0, 1, 2, 4, 5], facts=OPERATED)
    said = []
    refuse_training(checked_all(sorted(tmp_path.glob("*.mcap")), ROBOT), ROBOT, say=said.append)
    assert len(said) == 3 and "a.mcap: sawyer/joints/angle" in said[0] and "(and 2 more episodes" in said[0]
    assert "dropped at 1 steps: 3" in said[1] and "another version of this file" in said[2]


def test_a_file_that_did_not_change_is_not_read_again(tmp_path, reads):
    path = write(tmp_path, change=spoil("sawyer/joints/angle", 2, 9.0))
    first = checked(path, ROBOT)
    assert checked(path, ROBOT) == first and first.problems and reads == ["one.mcap"]
    other = write(tmp_path / "other", facts=OPERATED)
    os.utime(path, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns + 1))
    checked(path, ROBOT)
    assert len(reads) == 2
    before = path.stat()
    path.write_bytes(other.read_bytes().ljust(before.st_size, b"\0")[: before.st_size])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_mtime_ns == before.st_mtime_ns and path.stat().st_size == before.st_size
    assert checked(path, ROBOT) != first and len(reads) == 3


def test_another_contract_or_program_is_checked_anew(tmp_path, reads, monkeypatch):
    path = write(tmp_path)
    (tmp_path / "narrow.yaml").write_text(
        f"extends: {ROBOT.name}\nname: narrow\nactions: {{twist: {{upper: [0.002, 0.07, 0.07, 1.0]}}}}\n"
    )
    narrow = load_embodiment(tmp_path / "narrow.yaml")
    assert checked(path, ROBOT).problems == () and "label_range" in {one.kind for one in checked(path, narrow).problems}
    checked(path, ROBOT)
    monkeypatch.setattr(episode_check, "CHECK_VERSION", 99)
    checked(path, ROBOT)
    assert len(reads) == 3


def test_read_only_data_is_checked_and_kept_elsewhere(tmp_path, reads, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    path = write(tmp_path / "data")
    (tmp_path / "data" / ".frames").write_text("no folder can be here")
    for _ in range(2):
        assert checked(path, ROBOT).problems == ()
    assert reads == ["one.mcap"] and list((tmp_path / "caches").rglob("*.check.json"))
    (tmp_path / "caches").rename(tmp_path / "gone")
    (tmp_path / "caches").write_text("nor here")
    assert checked(path, ROBOT).problems == checked(path, ROBOT).problems == () and len(reads) == 3


def test_a_damaged_cache_is_made_again(tmp_path, reads):
    path = write(tmp_path, facts=FACTS)
    checked(path, ROBOT)
    (kept,) = (tmp_path / ".frames").iterdir()
    for content in ("", "{}", "[]", kept.read_text().replace('"problems": []', '"problems": [{"kind": "x"}]')):
        kept.write_text(content)
        assert checked(path, ROBOT).problems == ()
    assert len(reads) == 5


@pytest.mark.parametrize("bad", [np.nan, 0.49])
def test_snapshots_with_bad_labels_are_refused(tmp_path, bad):
    actions = np.zeros((4, 5), np.float32)
    vectors = {"gripper/grasp": np.zeros((4, 1), np.float32)}
    frames = Frames((), (0, 0, 3), Blocks.of((b"",) * 4), vectors, actions, {})
    save_frames(tmp_path / f"a{SUFFIX}", frames)
    refuse_snapshots(tmp_path, ROBOT)
    actions[2, 1] = bad
    save_frames(tmp_path / f"b{SUFFIX}", frames)
    with pytest.raises(SetupError, match=rf"b{SUFFIX}: frame 2: actions"):
        refuse_snapshots(tmp_path, ROBOT)
