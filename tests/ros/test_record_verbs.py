"""`record` and the measurements of the recorder, as a user starts them: small, but whole."""

import json
import subprocess
import sys

import numpy as np
import pytest

from gato_ros.bench.recorder.parity import compare
from gato_ros.cli import main
from gato_ros.data.episodes import channel_roles as roles
from gato_ros.data.episodes.episode import EpisodeWriter, read_episode
from gato_ros.data.episodes.mcap_channels import load_tracks
from gato_ros.data.frame_cache import frame_parts
from gato_ros.embodiments import load_embodiment
from gato_ros.models.layout import token_layout
from gato_ros.models.presets import PRESETS

ROBOT = load_embodiment()


def gato_ros(*arguments: str, timeout: float = 240.0) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "gato_ros", *arguments], capture_output=True, text=True, timeout=timeout
    )


def test_the_expert_records_in_the_operators_seat(tmp_path):
    out, extra = tmp_path / "episodes", tmp_path / "result.json"
    done = gato_ros(
        "record",
        "--teleop",
        "expert",
        "--episodes",
        "2",
        "--max-steps",
        "80",
        "--out",
        str(out),
        "--json",
        str(extra),
        "--operator",
        "robot",
        "--seed",
        "3",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(extra.read_text())
    assert result["episodes"] == 2 and result["ends"] == {"stop_fail": 2}  # no stack is that quick
    for number, path in enumerate(result["files"]):
        episode = read_episode(path)
        facts = episode.metadata
        assert (facts["seed"], facts["driver"], facts["object_set"]) == (3 + number, "expert", "cubes")
        assert facts["task"] == "red_on_blue" and "red" in facts["task_text"]
        assert len(episode.steps) >= 10 and episode.outcome["success"] is False
        sources = [tick["source"] for tick in episode.ticks]
        assert sources.count("human") > len(sources) / 4
        assert np.abs(episode.actions[:, :3]).max() > 0.01  # the expert wants something, and goes there
        assert np.abs(episode.executed[:, :3]).max() > 0.005
    assert sum(map(len, frame_parts(out))) == sum(len(read_episode(path).steps) for path in result["files"])


@pytest.mark.parametrize(
    "arguments, complaint",
    [
        (["--objects", "triplet9"], "triplet"),
        (["--episodes", "0"], "episodes"),
        (["--seed", "-1"], "seed"),
        (["--task", "blue_on_gren"], "did you mean 'blue_on_green'"),
        (["--teleop", "expert", "--robot", "driver"], "only the simulator tells"),
    ],
)
def test_bad_input_is_refused_before_anything_starts(tmp_path, capsys, arguments, complaint):
    with pytest.raises(SystemExit) as end:
        main(["record", "--out", str(tmp_path / "out"), *arguments])
    assert end.value.code == 2 and complaint in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_live_and_recorded_tokens_are_the_same_over_dds(tmp_path):
    import jax

    from gato_ros.models.parameters import parameter_shapes
    from gato_ros.models.weights import save_weights

    config, folder, kept = PRESETS["debug"], tmp_path / "weights", tmp_path / "kept"
    layout, rng = token_layout(ROBOT.spec, config), np.random.default_rng(0)
    save_weights(
        folder,
        jax.tree.map(lambda leaf: 0.1 * rng.standard_normal(leaf.shape, np.float32), parameter_shapes(config, layout)),
        config,
        ROBOT,
    )
    done = gato_ros(
        "bench",
        "record-parity",
        "--policy",
        str(folder),
        "--steps",
        "60",
        "--keep",
        str(kept),
        "--json",
        str(tmp_path / "parity.json"),
    )
    result = json.loads((tmp_path / "parity.json").read_text())
    assert result["different"] == 0 and result["compared"] >= 40, done.stdout + done.stderr
    assert result["not_there"] <= 4, "a busy machine may lose a camera's message; a quiet one does not"

    # A recording with other pixels, or with its frames moved by one step, is not the same.
    (path, *_) = sorted(kept.glob("*.mcap"))
    episode = read_episode(path)
    assert episode.outcome["success"] is False and {"policy"} <= {tick["source"] for tick in episode.ticks}
    assert any(tick.get("tokens", {}).get("ids") for tick in episode.ticks)
    assert load_tracks(path, "", "").metadata["policy"]["weights"]
    for shift, flip in ((1, 0), (0, 1)):
        altered = rewritten(path, tmp_path / f"altered{shift}{flip}", shift, flip)
        found = compare(altered, layout)
        # A frame later nothing may have moved, for a policy that nobody has trained; the pixel is in all of them.
        assert found["different"] >= (found["compared"] if flip else 3) > 0 and found["first"]


def rewritten(path, folder, shift: int, flip: int):
    """The episode with each step showing what another did, or with a pixel changed in each picture."""
    from gato_ros.core.arm_action import ArmAction
    from gato_ros.core.observation import Observation

    episode, tracks = read_episode(path), load_tracks(path, "", "")
    own = {"embodiment", "contract_digest", "schema_version", "package_version"}
    facts = {key: value for key, value in episode.metadata.items() if key not in own}
    with EpisodeWriter(folder, "altered", ROBOT, facts) as writer:
        for row in range(len(episode.steps) - 1):
            values = {key: value[row + shift].copy() for key, value in episode.values.items()}
            for key in ROBOT.image_keys:
                values[key][64, 64] ^= 255 * flip
            hold = ArmAction(np.zeros(4), 0.0)
            writer.add(row, Observation(values, episode.stamps_s[row]), hold, hold, tick=episode.ticks[row])
        for name, track in tracks.tracks.items():
            if track.metadata["role"] == roles.RAW and track.metadata["of"] == "policy_journal":
                for number, data in enumerate(track.data):
                    about = {"of": "policy_journal"}
                    writer.add_raw(name, track.message_type, data, track.stamps_ns[number], number, about)
        return writer.close({})


def test_kills_cost_little_and_are_counted(tmp_path):
    found = tmp_path / "kill.json"
    done = gato_ros("bench", "record-kill", "--kills", "2", "--longest-s", "1.5", "--json", str(found))
    assert found.exists(), done.stderr
    result = json.loads(found.read_text())
    # How many steps a kill costs is for a quiet machine to say; how many files it costs, for any.
    assert (result["kills"], result["unreadable"], result["earlier_touched"]) == (2, 0, 0), done.stderr
    assert result["worst_steps_lost"] <= 20 and result["steps_kept"] > 0


def test_the_cost_of_a_recorder_is_a_difference(tmp_path):
    found = tmp_path / "cost.json"
    done = gato_ros("bench", "record-cost", "--blocks", "1", "--steps", "30", "--json", str(found))
    assert found.exists(), done.stderr
    result = json.loads(found.read_text())
    assert min(result["ticks"].values()) >= 10 and result["recorded_steps"] > 5, done.stderr
    assert result["added_p99_ms"] == pytest.approx(
        result["camera_to_command_ms"]["with"]["p99"] - result["camera_to_command_ms"]["without"]["p99"]
    )
