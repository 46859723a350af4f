"""Recordings of others become episodes: equal tokens on the way out and back, each format as its own library has it."""

import json

import numpy as np
import pytest

from gato_ros.core.errors import SetupError
from gato_ros.core.text import value_from_text
from gato_ros.data.episodes.command_source import command_sources
from gato_ros.data.episodes.episode import episode_paths, read_episode
from gato_ros.data.exports.selection import select
from gato_ros.data.imports.alignment import ticks
from gato_ros.data.imports.episode import shown
from gato_ros.data.imports.mapping import ImportMapping, Pick, read_mapping
from gato_ros.data.imports.run import import_all, open_source, robot_of_source
from gato_ros.data.imports.source import LeftOut
from gato_ros.embodiments import load_embodiment
from tests.data.recordings import OPERATED, ROBOT, write

FORMATS = ("hdf5", "lerobot", "rlds")
MAPPING = {
    "observations": {
        "gripper/opening": {"from": "observation.state", "index": [2], "scale": 0.01},
        "sawyer/pinch/pose": {"from": "observation.state", "index": [0, 1, None, None, None, None, 1]},
    },
    "action": {
        "twist": {"from": "action", "index": [0, 1, None, None], "scale": 0.05},
        "gripper": {"from": "action", "index": [2], "scale": 0.085},
    },
    "task": "put the red one on the blue one",
}


def needs(format):
    pytest.importorskip({"hdf5": "h5py", "lerobot": "pyarrow", "rlds": "tensorflow_datasets"}[format])


def exported(format, paths, target):
    if format == "hdf5":
        from gato_ros.data.exports.hdf5 import export_hdf5

        export_hdf5(select(paths), target)
    elif format == "rlds":
        from gato_ros.data.exports.rlds import export_rlds

        export_rlds(select(paths), target)
    else:
        from gato_ros.data.exports.lerobot import export_lerobot

        export_lerobot(select(paths), target, "png")
    return target


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recorded")
    who = lambda step: "policy" if step < 3 else "human"  # noqa: E731
    return [write(folder, "a", range(7), OPERATED, source=who), write(folder, "b", range(5))]


@pytest.mark.parametrize("format", FORMATS)
def test_what_was_exported_comes_back_with_equal_tokens(format, recorded, tmp_path):
    needs(format)
    from gato_ros.models.layout import token_layout
    from gato_ros.models.presets import PRESETS
    from gato_ros.models.tokenizer import tokenize, tokenize_actions

    place = exported(format, recorded, tmp_path / f"export.{format}")
    source = open_source(format, place)
    robot = robot_of_source(source, "")
    assert robot.digest == ROBOT.digest
    found = import_all(source, format, place, None, robot, tmp_path / "in")
    assert (found.episodes, found.steps, found.there, found.left_out) == (2, 12, 0, {})
    layout = token_layout(ROBOT.spec, PRESETS["sawyer_small"])
    for before, after in zip(
        map(read_episode, recorded), map(read_episode, episode_paths(tmp_path / "in")), strict=True
    ):
        assert before.values.keys() == after.values.keys()
        for row in range(len(before.steps)):
            one, other = (
                tokenize(layout, {key: episode.values[key][row] for key in PRESETS["sawyer_small"].observation_keys})
                for episode in (before, after)
            )
            np.testing.assert_array_equal(one.patches, other.patches)
            np.testing.assert_array_equal(one.ids, other.ids)
        for name in ("actions", "executed"):
            one, other = getattr(before, name), getattr(after, name)
            np.testing.assert_array_equal(tokenize_actions(layout, one), tokenize_actions(layout, other))
            np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(command_sources(before), command_sources(after))
        np.testing.assert_allclose(after.stamps_s, before.stamps_s - before.stamps_s[0], atol=1e-6)
        assert after.outcome["success"] is True and after.metadata["imported"]["format"] == format
    assert import_all(source, format, place, None, robot, tmp_path / "in").there == 2


def test_texts_of_a_lerobot_export_come_back_and_are_no_joints(tmp_path):
    """Also those that change within an episode."""
    needs("lerobot")
    told = load_embodiment("sawyer_rgb_stacking_told")

    def change(step, values):
        values["task/text"] = value_from_text("red on blue" if step < 3 else "blue on red", 64)

    place = exported("lerobot", [write(tmp_path, "a", range(6), change=change, robot=told)], tmp_path / "set")
    state = json.loads((place / "meta/info.json").read_text())["features"]["observation.state"]
    assert not [name for name in state["names"] if "text" in name]
    source = open_source("lerobot", place)
    assert source.episode(source.names()[0]).texts["observation.task_text"][2:4] == ["red on blue", "blue on red"]
    import_all(source, "lerobot", place, None, told, tmp_path / "in")
    before, after = read_episode(tmp_path / "a.mcap"), read_episode(episode_paths(tmp_path / "in")[0])
    np.testing.assert_array_equal(before.values["task/text"], after.values["task/text"])


def robomimic(path, episodes=3, rows=40, change=lambda demo, number: None):
    """A file in robomimic's layout, which knows neither rate nor task."""
    import h5py

    rng = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        for number in range(episodes):
            demo = file.create_group(f"data/demo_{number}")
            demo.create_dataset("actions", data=rng.uniform(-1, 1, (rows, 3)) * [1, 1, 0.5] + [0, 0, 0.5])
            demo.create_dataset("obs/observation.state", data=rng.uniform(0, 0.4, (rows, 3)))
            demo.create_dataset("next_obs/observation.state", data=np.full((rows, 3), np.nan))
            change(demo, number)
    return path


def of_robomimic(**changes):
    text = json.loads(
        json.dumps(MAPPING).replace("observation.state", "obs/observation.state").replace('"action"', '"actions"')
    )
    text["action"] = text.pop("actions")
    return ImportMapping.model_validate({**text, "rate_hz": 20.0, **changes})


def test_a_foreign_file_is_mapped_in_units_and_places(tmp_path):
    needs("hdf5")
    import h5py

    place = robomimic(tmp_path / "x.hdf5")
    found = import_all(open_source("hdf5", place), "hdf5", place, of_robomimic(), ROBOT, tmp_path / "in")
    assert (found.episodes, found.steps, found.left_out) == (3, 120, {})
    first = read_episode(episode_paths(tmp_path / "in")[0])
    with h5py.File(place) as file:
        state, action = file["data/demo_0/obs/observation.state"][:], file["data/demo_0/actions"][:]
    np.testing.assert_allclose(first.values["gripper/opening"][:, 0], 0.01 * state[:, 2], rtol=1e-6)
    np.testing.assert_allclose(
        first.values["sawyer/pinch/pose"][:, [0, 1, 2, 6]], state[:, [0, 1, 1, 1]] * [1, 1, 0, 1]
    )
    np.testing.assert_allclose(first.actions[:, :2], 0.05 * action[:, :2], rtol=1e-6)
    np.testing.assert_allclose(first.actions[:, 4], 0.085 * action[:, 2], rtol=1e-6)
    assert (first.actions[:, 2:4] == 0).all() and first.metadata["task_text"] == MAPPING["task"]
    np.testing.assert_allclose(np.diff(first.stamps_s), 0.05)


def test_a_contract_with_a_task_as_text_gets_it(tmp_path):
    needs("hdf5")
    place, told = robomimic(tmp_path / "x.hdf5", 1), load_embodiment("sawyer_rgb_stacking_told")
    import_all(open_source("hdf5", place), "hdf5", place, of_robomimic(), told, tmp_path / "in")
    text = read_episode(episode_paths(tmp_path / "in")[0]).values["task/text"]
    assert bytes(text[0].astype(np.uint8)).rstrip(b"\0").decode() == MAPPING["task"] and (text == text[0]).all()


def test_what_cannot_be_used_is_counted_with_its_reason(tmp_path):
    needs("hdf5")

    def spoil(demo, number):
        if number == 0:
            demo["obs/observation.state"][7, 2] = np.nan
        if number == 1:
            del demo["obs/observation.state"]
        if number == 2:
            demo["actions"][3, 0] = 50.0
        if number == 3:
            del demo["actions"]
        if number == 4:
            demo.create_dataset("stamps_s", data=np.r_[0:39, 30].astype(float))

    place = robomimic(tmp_path / "x.hdf5", 6, change=spoil)
    found = import_all(open_source("hdf5", place), "hdf5", place, of_robomimic(), ROBOT, tmp_path / "in")
    assert found.episodes == 1 and found.left_out == {
        "a value of obs/observation.state that is not finite": 1,
        "no column obs/observation.state": 1,
        "vx_m_s out of the contract's range": 1,
        "no actions": 1,
        "times that do not increase": 1,
    }
    assert len(episode_paths(tmp_path / "in")) == 1 and not list((tmp_path / "in/.partial").iterdir())


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"rate_hz": None}, "no rate"),
        ({"task": ""}, "no task"),
        ({"observations": {"gripper/opening": {"from": "obs/observation.state"}}}, "3 values, not 1"),
        ({"observations": {"gripper/opening": {"from": "obs/observation.state", "index": [9]}}}, "no value 9"),
        ({"observations": {"gripper/opening": {"from": "obs/observation.state", "index": ["x"]}}}, "no value x"),
        ({"observations": {"basket_front_left/pixels": {"from": "obs/cam"}}}, "no camera obs/cam"),
    ],
)
def test_a_mapping_that_does_not_fit_says_where(tmp_path, changes, reason):
    needs("hdf5")
    place = robomimic(tmp_path / "x.hdf5", 1)
    if "basket_front_left/pixels" in (keys := changes.get("observations", {})):
        keys = {key: {"from": "obs/cam"} for key in ROBOT.image_keys}
        changes = {"observations": keys}
    found = import_all(open_source("hdf5", place), "hdf5", place, of_robomimic(**changes), ROBOT, tmp_path / "in")
    assert not found.episodes and reason in " ".join(found.left_out)


@pytest.mark.parametrize("rate", [10.0, 15.0, 30.0, 50.0])
def test_another_rate_is_held_and_never_looks_ahead(rate):
    times = np.arange(60) / rate
    rows, at = ticks(times, 20.0)
    assert np.allclose(np.diff(at), 0.05) and at[-1] <= times[-1] + 1e-6
    assert (times[rows] <= at + 1e-6).all() and (at - times[rows] < 1 / rate - 1e-9).all()
    assert (np.diff(rows) >= 0).all() and len(at) == int(times[-1] * 20 + 1e-6) + 1


def test_the_same_rate_keeps_every_row_and_its_time():
    times = np.cumsum(np.random.default_rng(0).uniform(0.049, 0.051, 50))
    rows, at = ticks(times, 20.0)
    assert rows.tolist() == list(range(50)) and (at == times).all()


@pytest.mark.parametrize("times", [[0.0], [0.0, 0.05, 0.05], [0.0, 0.05, np.nan], [0.0, 0.05, 0.1, 2.0, 2.05]])
def test_times_that_are_no_recording_are_left_out(times):
    with pytest.raises(LeftOut):
        ticks(np.array(times), 20.0)


def test_next_states_become_a_twist_and_yaw_goes_the_short_way(tmp_path):
    needs("hdf5")

    def walk(demo, number):
        yaw = (np.pi - 0.02 + 0.01 * np.arange(40) + np.pi) % (2 * np.pi) - np.pi
        demo.create_dataset("obs/tool", data=np.stack([0.5 + 0.002 * np.arange(40), *np.zeros((2, 40)), yaw], 1))

    place = robomimic(tmp_path / "x.hdf5", 1, change=walk)
    twist = {"from": "obs/tool", "of": "next_state"}
    gripper = {"from": "obs/observation.state", "index": [2], "scale": 0.1, "of": "next_state"}
    mapping = of_robomimic(action={"twist": twist, "gripper": gripper})
    found = import_all(open_source("hdf5", place), "hdf5", place, mapping, ROBOT, tmp_path / "in")
    episode = read_episode(episode_paths(tmp_path / "in")[0])
    assert found.steps == 39  # the last step has no next state
    np.testing.assert_allclose(episode.actions[:, 0], 0.04, rtol=1e-4)
    np.testing.assert_allclose(episode.actions[:, 3], 0.2, rtol=1e-4)
    opening = episode.values["gripper/opening"][1:, 0] * 10
    np.testing.assert_allclose(episode.actions[:-1, 4], opening, rtol=1e-5)


def test_alohas_file_with_jpegs_is_an_episode(tmp_path):
    needs("hdf5")
    import cv2
    import h5py

    pictures = [np.full((144, 192, 3), 40 * step, np.uint8) for step in range(6)]
    jpegs = [cv2.imencode(".jpg", picture)[1].ravel() for picture in pictures]
    padded = np.zeros((6, max(map(len, jpegs)) + 9), np.uint8)
    for row, jpeg in zip(padded, jpegs):
        row[: len(jpeg)] = jpeg
    with h5py.File(tmp_path / "episode_0.hdf5", "w") as file:
        file["action"] = np.random.default_rng(0).uniform(0, 1, (6, 3))
        file["observations/qpos"] = np.random.default_rng(1).uniform(0, 0.4, (6, 3))
        for name in ("left", "right"):
            file[f"observations/images/{name}"] = padded
    mapping = ImportMapping.model_validate(
        {
            "observations": {
                "gripper/opening": {"from": "observations/qpos", "index": [0], "scale": 0.1},
                **{
                    key: {
                        "from": f"observations/images/{name}",
                        "crop": {"left": 24, "top": 0, "width": 144, "height": 144},
                    }
                    for key, name in zip(ROBOT.image_keys, ("left", "right"))
                },
            },
            "action": MAPPING["action"],
            "rate_hz": 50.0,
            "task": "lift",
        }
    )
    found = import_all(open_source("hdf5", tmp_path), "hdf5", tmp_path, mapping, ROBOT, tmp_path / "in")
    episode = read_episode(tmp_path / "in/episode_0.mcap")
    assert found.episodes == 1 and episode.steps.tolist() == [0, 1, 2]
    for tick, row in enumerate((0, 2, 5)):
        assert np.abs(episode.values[ROBOT.image_keys[0]][tick].astype(int) - 40 * row).max() <= 2


def test_a_picture_is_shown_as_a_live_one_and_never_stretched():
    from gato_ros.embodiments.pictures.camera import Camera
    from gato_ros.embodiments.pictures.fit import fitted

    channel = ROBOT.cameras[ROBOT.image_keys[0]]
    pick = lambda **how: Pick.model_validate({"from": "x", **how})  # noqa: E731
    board = np.indices((256, 256)).sum(0).astype(np.uint8)[:, :, None] % 2 * np.uint8([200, 100, 50])
    assert np.abs(shown(board, channel, pick()).astype(int) - [100, 50, 25]).max() <= 1
    noise = np.random.default_rng(0).integers(0, 255, (480, 640, 3), dtype=np.uint8)
    crop = {"left": 100, "top": 40, "width": 400, "height": 400}
    camera = Camera.model_validate({"height": 480, "width": 640, "crop": crop, "rotate_deg": 90, "flip": "vertical"})
    np.testing.assert_array_equal(
        shown(noise, channel, pick(crop=crop, rotate_deg=90, flip="vertical")), fitted(noise, camera, 128, 128)
    )
    live = channel.model_copy(update={"camera": camera})
    np.testing.assert_array_equal(shown(noise, live, pick()), fitted(noise, camera, 128, 128))
    for pixels, how, words in (
        (noise, {}, "a crop of its ratio"),
        (board, {"crop": {"left": 200, "top": 0, "width": 100, "height": 100}}, "beyond"),
        (board[:64, :64], {}, "choose a smaller height and width"),
    ):
        with pytest.raises(LeftOut, match=words):
            shown(pixels, channel, pick(**how))


def test_a_film_of_lerobot_2_1_starts_at_its_first_picture(tmp_path):
    needs("lerobot")
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    from gato_ros.data.exports.video import write_film

    place, rows = tmp_path / "set", 12
    features = {
        "observation.state": {"dtype": "float32", "shape": [3], "names": {"motors": ["x", "y", "opening"]}},
        "action": {"dtype": "float32", "shape": [3], "names": ["vx", "vy", "grip"]},
        "timestamp": {"dtype": "float32", "shape": [1]},
        "episode_index": {"dtype": "int64", "shape": [1]},
        **{f"observation.images.{name}": {"dtype": "video", "shape": [128, 128, 3]} for name in ("l", "r")},
    }
    info = {
        "codebase_version": "v2.1",
        "fps": 20,
        "chunks_size": 1000,
        "features": features,
        "data_path": "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet",
        "video_path": "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4",
    }
    (place / "meta").mkdir(parents=True)
    (place / "meta/info.json").write_text(json.dumps(info))
    rows_of = [json.dumps({"episode_index": i, "tasks": ["lift"], "length": rows}) for i in range(2)]
    (place / "meta/episodes.jsonl").write_text("\n".join(rows_of) + "\n")
    rng = np.random.default_rng(0)
    for number in range(2):
        path = place / info["data_path"].format(episode_chunk=0, episode_index=number)
        path.parent.mkdir(parents=True, exist_ok=True)
        table = {
            "observation.state": rng.uniform(0, 0.4, (rows, 3)).tolist(),
            "action": rng.uniform(0, 1, (rows, 3)).tolist(),
            "timestamp": (np.arange(rows) / 20).tolist(),
            "episode_index": [number] * rows,
        }
        parquet.write_table(arrow.table(table), path)
        for name in ("l", "r"):
            film = place / info["video_path"].format(
                episode_chunk=0, episode_index=number, video_key=f"observation.images.{name}"
            )
            film.parent.mkdir(parents=True, exist_ok=True)
            write_film(film, [np.full((128, 128, 3), 20 * step, np.uint8) for step in range(rows - number)], 20.0)
    names = {"from": "observation.state", "index": ["opening"], "scale": 0.1}
    cameras = {key: {"from": f"observation.images.{name}"} for key, name in zip(ROBOT.image_keys, "lr")}
    mapping = ImportMapping.model_validate(
        {"observations": {"gripper/opening": names, **cameras}, "action": MAPPING["action"]}
    )
    found = import_all(open_source("lerobot", place), "lerobot", place, mapping, ROBOT, tmp_path / "in")
    assert found.episodes == 1 and "a film of" in " ".join(found.left_out)
    (path,) = episode_paths(tmp_path / "in")
    seen = read_episode(path)
    brightness = seen.values[ROBOT.image_keys[0]].mean((1, 2, 3))
    np.testing.assert_allclose(brightness, 20 * np.arange(rows), atol=4)
    assert seen.metadata["task_text"] == "lift"


def test_an_episode_in_the_middle_of_a_film_starts_at_its_own_picture(tmp_path):
    """As LeRobot 3.0 has them: many episodes in one file."""
    from gato_ros.data.exports.video import write_film
    from gato_ros.data.imports.film import read_film

    write_film(tmp_path / "x.mp4", [np.full((64, 64, 3), 5 * step, np.uint8) for step in range(50)], 30.0)
    for first, count in ((0, 50), (17, 9), (49, 1)):
        found = [picture.mean() for picture in read_film(tmp_path / "x.mp4", max(0.0, (first - 0.5) / 30), count)]
        np.testing.assert_allclose(found, 5 * np.arange(first, first + count), atol=2.4)
    assert len(list(read_film(tmp_path / "x.mp4", 40 / 30, 30))) == 10
    (tmp_path / "no.mp4").write_bytes(b"no film")
    with pytest.raises(RuntimeError, match="no film"):
        next(read_film(tmp_path / "no.mp4", 0.0, 1))


def test_a_tf_record_is_read_without_tensorflow(tmp_path):
    from gato_ros.data.imports.rlds import _tf_record

    path = tmp_path / "x.tfrecord"
    records = [b"first", b"", b"third record"]
    path.write_bytes(b"".join(len(r).to_bytes(8, "little") + b"crc1" + r + b"crc2" for r in records))
    assert [_tf_record(path, number) for number in range(3)] == records
    with pytest.raises(LeftOut):
        _tf_record(path, 3)


@pytest.mark.parametrize("format", FORMATS)
def test_what_is_no_source_is_refused_in_one_line(format, tmp_path):
    needs(format)
    (tmp_path / "x.txt").write_text("nothing")
    for place in (tmp_path, tmp_path / "x.txt", tmp_path / "nowhere"):
        with pytest.raises(SetupError) as error:
            open_source(format, place)
        assert "\n" not in str(error.value)
        assert error.value.got.startswith(("no ", "a file that"))  # our words first, a library's after


def test_a_mapping_file_is_checked_with_key_and_line(tmp_path):
    path = tmp_path / "m.yaml"
    path.write_text("observations:\n  gripper/opening: {from: x, sclae: 2.0}\naction:\n")
    with pytest.raises(SetupError, match="line"):
        read_mapping(path)


def test_the_verb_counts_and_says_what_it_left_out(tmp_path, recorded, capsys):
    needs("hdf5")
    from gato_ros.cli import main

    place = robomimic(tmp_path / "x.hdf5", 2, change=lambda demo, n: n and demo.__delitem__("obs/observation.state"))
    text = of_robomimic().model_dump(by_alias=True, mode="json", exclude_none=True)
    text["observations"]["sawyer/pinch/pose"]["index"] = [0, 1, 1, 1, 1, 1, 1]
    text["action"]["twist"]["index"] = [0, 1, 0, 1]
    for part in (*text["observations"].values(), *text["action"].values()):
        part.pop("of", None)
    import yaml

    (tmp_path / "m.yaml").write_text(yaml.safe_dump(text))
    arguments = ["episodes", "import", str(place), "--format", "hdf5", "--out", str(tmp_path / "in")]
    more = ["--mapping", str(tmp_path / "m.yaml"), "--embodiment", ROBOT.name, "--json", str(tmp_path / "j")]
    with pytest.raises(SystemExit, match="0"):
        main([*arguments, *more])
    found = json.loads((tmp_path / "j").read_text())
    assert (found["episodes"], found["steps"]) == (1, 40)
    assert found["left_out"] == {"no column obs/observation.state": 1}
    assert "left out: 1 of 2" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert "--embodiment" in capsys.readouterr().err
