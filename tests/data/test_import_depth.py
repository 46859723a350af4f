"""Depth in files of others is shown as depth from a live camera; what would be taken for something else is left out."""

import json

import cv2
import numpy as np
import pytest

from gato_ros.core.errors import SetupError
from gato_ros.data.exports.lerobot import export_lerobot
from gato_ros.data.exports.selection import select
from gato_ros.data.imports.episode import shown
from gato_ros.data.imports.mapping import ImportMapping, Pick, check_mapping
from gato_ros.data.imports.run import import_all, open_source
from gato_ros.data.imports.source import LeftOut, as_picture, decoded
from gato_ros.embodiments.channels import ImageChannel
from gato_ros.embodiments.pictures.camera import Camera
from gato_ros.embodiments.pictures.fit import fitted_depth
from tests.data.recordings import ROBOT, write

COLOUR = ROBOT.cameras[ROBOT.image_keys[0]]
DEPTH = COLOUR.model_copy(update={"camera": Camera(height=256, width=256, depth_m=(0.5, 2.0))})
PICK = Pick.model_validate({"from": "depth"})
METRES = np.random.default_rng(0).uniform(0.4, 2.2, (256, 256)).astype(np.float32)
METRES[:40, :40] = 0.0
MILLIMETRES = np.rint(1000 * METRES).astype(np.uint16)


def live(depth_m, channel: ImageChannel = DEPTH):
    return fitted_depth(depth_m, channel.camera, channel.height, channel.width)


def test_depth_is_shown_as_from_a_live_camera():
    np.testing.assert_array_equal(shown(METRES, DEPTH, PICK), live(METRES))
    as_live = live(MILLIMETRES.astype(np.float32) * np.float32(1e-3))
    np.testing.assert_array_equal(shown(MILLIMETRES, DEPTH, PICK), as_live)
    assert as_live[:19, :19].max() == 0 and as_live.max() == 255
    quarter = Pick.model_validate({"from": "depth", "scale": 0.25})
    np.testing.assert_array_equal(shown(4 * MILLIMETRES, DEPTH, quarter), as_live)


def test_holes_of_floats_are_not_measured():
    holes = METRES.copy()
    holes[40:80, 40:80], holes[80:120, 80:120] = np.nan, np.inf
    there = np.where(np.isfinite(holes), holes, 0.0).astype(np.float32)
    np.testing.assert_array_equal(shown(holes, DEPTH, PICK), live(there))


def test_a_crop_of_depth_is_cut_in_metres():
    crop = {"left": 16, "top": 0, "width": 240, "height": 240}
    cut = DEPTH.model_copy(update={"camera": Camera(height=256, width=256, crop=crop, depth_m=(0.5, 2.0))})
    mapped = shown(METRES, DEPTH, Pick.model_validate({"from": "depth", "crop": crop}))
    np.testing.assert_array_equal(mapped, live(METRES, cut))


@pytest.mark.parametrize(
    ("pixels", "channel", "words"),
    [
        (MILLIMETRES, COLOUR, "is depth, and the contract states no camera.depth_m"),
        (np.zeros((256, 256, 3), np.uint8), DEPTH, "shows colours, and the contract's camera.depth_m asks for depth"),
    ],
)
def test_depth_and_colours_are_not_taken_for_each_other(pixels, channel, words):
    with pytest.raises(LeftOut, match=words):
        shown(pixels, channel, PICK)


def test_depth_that_we_exported_comes_back_as_it_was():
    seen = live(METRES)
    np.testing.assert_array_equal(shown(seen, DEPTH, PICK, as_seen=True), seen)


def test_a_png_of_16_bits_stays_depth():
    data = cv2.imencode(".png", MILLIMETRES)[1].tobytes()
    np.testing.assert_array_equal(decoded(data + b"\0" * 9), MILLIMETRES)
    with pytest.raises(LeftOut, match="uint16"):  # colours of 16 bits are neither
        decoded(cv2.imencode(".png", np.zeros((4, 4, 3), np.uint16))[1].tobytes())
    red = decoded(cv2.imencode(".png", np.full((4, 4, 4), (0, 0, 255, 9), np.uint8))[1].tobytes())
    assert red[0, 0].tolist() == [255, 0, 0]
    with pytest.raises(LeftOut, match="float64"):
        as_picture(np.zeros((4, 4)))


def test_hdf5_gives_depth_and_keeps_matrices(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "x.hdf5", "w") as file:
        demo = file.create_group("data/demo_0")
        demo["actions"], demo["obs/pose"] = np.zeros((3, 5)), np.zeros((3, 4, 4), np.float32)
        demo["obs/near"], demo["obs/far"] = np.stack([MILLIMETRES] * 3), np.stack([METRES] * 3)[..., None]
    episode = open_source("hdf5", tmp_path / "x.hdf5").episode("x-demo_0")
    assert set(episode.cameras) == {"obs/near", "obs/far"} and episode.columns["obs/pose"].shape == (3, 16)
    (first, *_) = episode.pictures(episode.cameras)
    np.testing.assert_array_equal(first["obs/near"], MILLIMETRES)
    np.testing.assert_array_equal(first["obs/far"], METRES)


def test_a_film_of_depth_is_left_out_with_its_reason(tmp_path):
    pytest.importorskip("pyarrow")
    export_lerobot(select([write(tmp_path / "in", steps=range(4))]), tmp_path / "set")
    path = tmp_path / "set/meta/info.json"
    about = json.loads(path.read_text())
    for feature in about["features"].values():
        if feature["dtype"] == "video":
            feature["info"]["is_depth_map"] = True
    path.write_text(json.dumps(about))
    source = open_source("lerobot", tmp_path / "set")
    found = import_all(source, "lerobot", tmp_path / "set", None, ROBOT, tmp_path / "out")
    assert not found.episodes and "a film of depth" in " ".join(found.left_out)


def test_a_scale_of_colours_is_refused():
    action = {"twist": {"from": "a"}, "gripper": {"from": "b"}}
    mapping = lambda **how: ImportMapping.model_validate(  # noqa: E731
        {"observations": {key: {"from": key, **how} for key in ROBOT.image_keys}, "action": action}
    )
    check_mapping(mapping(), ROBOT)
    with pytest.raises(SetupError, match="camera of depth only"):
        check_mapping(mapping(scale=0.25), ROBOT)
    with pytest.raises(ValueError, match="only `scale` is known"):
        mapping(offset=1.0)
