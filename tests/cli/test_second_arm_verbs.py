"""What a user does with an arm of another contract: demonstrations, training, evaluation, and no mixing of robots."""

import json

import pytest

from gato_ros.bench.guard.fuzz import EPISODE_TICKS, fuzz_episodes
from gato_ros.cli import collect, contract, main, train
from gato_ros.core.errors import SetupError
from gato_ros.data.checks.verification import verify_episode
from gato_ros.data.episodes.episode import episode_paths, read_episode
from gato_ros.domains.rgb_stacking.mirror import can_mirror
from gato_ros.domains.robot_presets import preset_for
from gato_ros.embodiments import load_embodiment
from gato_ros.evaluation import evaluate
from gato_ros.evaluation.policy_source import DEFAULT, make_policy, robot_for
from gato_ros.models.presets import PRESETS
from gato_ros.training.config import TrainingConfig

PANDA, SAWYER = "panda_rgb_stacking", "sawyer_rgb_stacking"
ROBOT = load_embodiment(PANDA)
FUZZ_TICKS = 6_000


@pytest.fixture(scope="module")
def trained(tmp_path_factory, played_here):
    """A demonstration, a few snapshots, and a policy that has seen them for two steps."""
    data, out = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("run")
    collect.run(
        collect.Options(data, embodiment=PANDA, episodes=1, seed=3, workers=1, image_share=0.05, keep_failures=True)
    )
    collect.run(collect.Options(data, kind="snapshots", embodiment=PANDA, episodes=1, workers=1, per_scene=8))
    result = train.run(
        train.Options(
            (data,),
            out,
            preset="debug_one_pass",
            embodiment=PANDA,
            training=TrainingConfig(steps=2, batch=4, mirror=True),
        )
    )
    assert result["steps"] == 2
    return data, out / "last"


def test_demonstrations_hold_the_robots_own_channels(trained):
    (path,) = episode_paths(trained[0])
    episode = read_episode(path)
    assert verify_episode(path) == []
    assert episode.metadata["embodiment"] == PANDA and episode.metadata["contract_digest"] == ROBOT.digest
    assert episode.values["panda/joints/angle"].shape[1] == 7 and "sawyer/pinch/pose" not in episode.values
    assert episode.values["gripper/opening"].max() == pytest.approx(0.08, abs=1e-3)


def test_its_policy_is_evaluated_with_it_and_refused_for_the_other(trained):
    folder = str(trained[1])
    assert robot_for(folder) == PANDA and robot_for("hold") == robot_for("sawyer_mastery") == SAWYER
    result = evaluate.evaluate_policy(evaluate.Evaluation(folder, episodes=1, workers=1, quiet=True))
    assert result["embodiment"] == PANDA and result["sets"]["cubes"]["episodes"] == 1
    with pytest.raises(SetupError) as error:
        evaluate.evaluate_policy(evaluate.Evaluation(folder, embodiment=SAWYER, episodes=1, workers=1, quiet=True))
    assert f"{PANDA} with panda/pinch/pose" in str(error.value) and "sawyer_rgb_stacking" in str(error.value)
    assert "use weights of this embodiment" in str(error.value)


def test_its_demonstrations_teach_no_other_arm(trained, tmp_path):
    with pytest.raises(SetupError, match=f"episodes of sawyer_rgb_stacking.*--embodiment {PANDA}"):
        train.run(train.Options((trained[0],), tmp_path / "run", preset="debug"))
    assert not (tmp_path / "run").exists()


def test_the_shipped_policy_is_refused_for_it():
    with pytest.raises(SetupError, match="sawyer_rgb_stacking with sawyer/pinch/pose; got panda_rgb_stacking without"):
        make_policy(DEFAULT, ROBOT)


def test_presets_see_what_the_robot_calls_by_its_own_names(tmp_path):
    for name, preset in PRESETS.items():
        assert preset_for(name, load_embodiment()) is preset or preset_for(name, load_embodiment()) == preset
    assert preset_for("gato_79m", ROBOT).observation_keys == (
        "basket_front_left/pixels",
        "basket_front_right/pixels",
        "gripper/opening",
        "panda/joints/angle",
        "panda/pinch/pose",
        "panda/tcp/pose",
    )
    small = preset_for("sawyer_small", ROBOT)
    assert can_mirror(ROBOT.image_keys, [key for key in small.observation_keys if key not in ROBOT.image_keys])
    path = tmp_path / "one_eye.yaml"
    one = {
        key: value
        for key, value in ROBOT.model_dump(by_alias=True)["observations"].items()
        if key != "basket_front_left/pixels"
    }
    path.write_text(json.dumps({**ROBOT.model_dump(by_alias=True), "name": "one_eye", "observations": one}))
    robot = load_embodiment(path)
    assert preset_for("debug", robot).observation_keys[0] == "basket_front_right/pixels"
    assert preset_for("sawyer_small", robot).observation_keys[:2] == ("basket_front_right/pixels", "gripper/grasp")
    with pytest.raises(SetupError, match="did you mean 'sawyer_small'"):
        preset_for("sawyer_smal", robot)


def test_the_contract_verb_says_what_it_found(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["contract", PANDA, "--json", str(tmp_path / "found.json")])
    found, said = json.loads((tmp_path / "found.json").read_text()), capsys.readouterr().out
    assert ended.value.code == 0 and found["problems"] == [] and found["digest"] == ROBOT.digest
    assert "panda_joint7" in said and "/panda" in said and "no problems" in said
    bad = tmp_path / "far.yaml"
    bad.write_text(json.dumps({"extends": PANDA, "name": "far", "limits": {"workspace_upper_m": [0.95, 0.1, 0.25]}}))
    result = contract.run(contract.Options(str(bad)))
    assert not result["ok"] and any("of 75 places" in problem for problem in result["problems"])
    assert result["problems"][0] in capsys.readouterr().out


@pytest.mark.fault("C1", "C2", "C3", "C4", "C5")
def test_no_command_to_it_gets_out_of_its_envelope():
    counts, examples = fuzz_episodes(range(9000, 9000 + FUZZ_TICKS // EPISODE_TICKS), PANDA)
    assert examples == [] and counts["escapes"] == counts["nonfinite"] == 0
    assert counts["ticks"] == FUZZ_TICKS and 0.3 * FUZZ_TICKS < counts["followed"] < 0.95 * FUZZ_TICKS
