"""Pictures: from the driver's bytes to the model's pixels, one way for live, recorded, imported and simulated ones."""

import subprocess
import sys
from dataclasses import dataclass, field
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from gato_ros.embodiments.channels import ImageChannel
from gato_ros.embodiments.pictures.camera import Camera
from gato_ros.embodiments.pictures.fit import fitted, fitted_depth
from gato_ros.embodiments.pictures.reader import PictureReader

RNG = np.random.default_rng(1)
PICTURE = RNG.integers(0, 256, (48, 64, 3), dtype=np.uint8)


@dataclass
class Message:
    """A sensor_msgs/Image: nothing of ROS is needed to read one."""

    data: bytes
    encoding: str = "rgb8"
    height: int = 48
    width: int = 64
    step: int = 192
    is_bigendian: int = 0
    header: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(frame_id="eye"))


def channel(height=16, width=16, compressed=False, **camera) -> ImageChannel:
    return ImageChannel(
        kind="image",
        topic="camera",
        type=f"sensor_msgs/msg/{'Compressed' * compressed}Image",
        frame_id="eye",
        quality="sensor",
        timeline="header",
        align="hold",
        max_age_s=0.15,
        height=height,
        width=width,
        camera={"height": 48, "width": 64, **camera},
    )


def area_mean(pixels, height, width):
    """The mean over the area of each pixel, by integration: another way than OpenCV's."""
    high, wide = pixels.shape[:2]
    total = np.zeros((high + 1, wide + 1, pixels.shape[2]))
    total[1:, 1:] = pixels.astype(float).cumsum(0).cumsum(1)

    def along(values, edges, size):
        edges = np.asarray(edges) * size
        low = np.minimum(edges.astype(int), size - 1)
        share = (edges - low).reshape(-1, *[1] * (values.ndim - 1))
        return values[low] * (1 - share) + values[low + 1] * share

    rows = along(total, np.linspace(0, 1, height + 1), high)
    cells = along(rows.swapaxes(0, 1), np.linspace(0, 1, width + 1), wide).swapaxes(0, 1)
    sums = np.diff(np.diff(cells, axis=0), axis=1)
    return sums / (high / height * wide / width)


@pytest.mark.parametrize("height, width", [(16, 16), (48, 64), (16, 48), (32, 32), (24, 32), (17, 23)])
def test_every_pixel_is_the_mean_of_its_area(height, width):
    got = fitted(PICTURE, Camera(height=48, width=64), height, width)
    assert got.shape == (height, width, 3) and got.dtype == np.uint8
    assert np.abs(got - area_mean(PICTURE, height, width)).max() <= 0.51


def test_a_stripe_between_two_pixels_is_not_skipped():
    """What the nearest neighbour would do: rosetta's own resize does."""
    striped = np.zeros((48, 64, 3), np.uint8)
    striped[:, 1::4] = 240
    assert np.all(fitted(striped, Camera(height=48, width=64), 48, 16) == 60)


@pytest.mark.parametrize(
    "ways, wanted",
    [
        ({"crop": {"left": 16, "top": 8, "width": 32, "height": 32}}, PICTURE[8:40, 16:48]),
        ({"rotate_deg": 90}, np.rot90(PICTURE, -1)),
        ({"rotate_deg": 180}, PICTURE[::-1, ::-1]),
        ({"rotate_deg": 270}, np.rot90(PICTURE, 1)),
        ({"flip": "horizontal"}, PICTURE[:, ::-1]),
        ({"flip": "vertical"}, PICTURE[::-1]),
        (
            {"crop": {"left": 0, "top": 0, "width": 48, "height": 32}, "rotate_deg": 90, "flip": "horizontal"},
            np.rot90(PICTURE[:32, :48], -1)[:, ::-1],
        ),
    ],
)
def test_a_picture_is_cut_then_turned_then_mirrored(ways, wanted):
    got = fitted(PICTURE, Camera(height=48, width=64, **ways), 16, 16)
    assert np.abs(got - area_mean(wanted, 16, 16)).max() <= 0.51 and got.flags.c_contiguous


def test_90_degrees_turn_clockwise():
    corner = np.zeros((48, 64, 3), np.uint8)
    corner[:24, :32] = 255  # upper left goes to the upper right
    got = fitted(corner, Camera(height=48, width=64, rotate_deg=90), 16, 16)
    assert got[:8, 8:].min() == 255 and got[:, :8].max() == 0


def test_depth_is_the_mean_of_what_was_measured():
    camera = Camera(height=4, width=4, depth_m=(1.0, 2.0))
    depth = np.array([[1.0, 1.0, 2.0, 2.0], [0.0, 0.0, 2.0, 0.0], [9.0, 9.0, 0.2, 0.2], [9.0, 9.0, 0.2, 0.2]])
    got = fitted_depth(depth.astype(np.float32), camera, 2, 2)
    assert got[:, :, 0].tolist() == [[1, 255], [255, 1]] and (got == got[:, :, :1]).all()
    holes = np.array([[1.5, 0.0], [0.0, 0.0]], np.float32)
    assert fitted_depth(holes, Camera(height=2, width=2, depth_m=(1.0, 2.0)), 1, 1)[0, 0, 0] == 0


@pytest.mark.parametrize("jpeg", [False, True])
def test_four_ways_to_a_picture_give_equal_bytes(jpeg):
    """Live and recorded through rclpy's messages, imported through rosbags' and simulated as pixels."""
    from rclpy.serialization import deserialize_message, serialize_message

    from gato_ros.data import messages
    from gato_ros.nodes.messages.image import jpeg_from_rgb, message_from_rgb
    from gato_ros.nodes.messages.types import message_class

    ways = {"crop": {"left": 7, "top": 3, "width": 50, "height": 41}, "rotate_deg": 270, "flip": "vertical"}
    reader = PictureReader(channel(compressed=jpeg, **ways))
    live = (jpeg_from_rgb if jpeg else message_from_rgb)(PICTURE, "eye")
    data = serialize_message(live)
    recorded = deserialize_message(data, message_class(reader.channel.type))
    imported = messages.read(reader.channel.type, data)
    pixels = cv2.imdecode(np.frombuffer(live.data, np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1] if jpeg else PICTURE
    first, *others = [reader.picture(one) for one in (live, recorded, imported)] + [reader.of_pixels(pixels)]
    assert first.shape == (16, 16, 3) and all(one.tobytes() == first.tobytes() for one in others)


def test_a_simulated_world_films_as_a_driver_and_renders_as_a_policy_sees(tmp_path):
    import yaml

    from gato_ros.embodiments import load_embodiment
    from gato_ros.sim.world import StackingWorld

    path = tmp_path / "robot.yaml"
    camera = {"height": 48, "width": 64, "crop": {"left": 8, "top": 0, "width": 48, "height": 48}}
    eye = {"height": 16, "width": 16, "camera": camera, "type": "sensor_msgs/msg/CompressedImage"}
    changes = {"extends": "sawyer_rgb_stacking", "schema": 2, "name": "robot"}
    path.write_text(yaml.safe_dump({**changes, "observations": {"basket_front_left/pixels": eye}}))
    robot = load_embodiment(path)
    world = StackingWorld(robot)
    world.reset(np.random.default_rng(0))
    film, seen = world.film("basket_front_left/pixels"), world.render("basket_front_left/pixels")
    world.close()
    assert film.shape == (48, 64, 3) and seen.shape == (16, 16, 3)
    assert np.abs(seen - area_mean(film[:, 8:56], 16, 16)).max() <= 0.51


def test_a_picture_that_fits_as_it_is_is_not_copied():
    """The loop of a camera that sends the model's pixels stays as quick as it was."""
    message = Message(PICTURE.tobytes())
    got = PictureReader(channel(height=48, width=64)).picture(message)
    assert np.shares_memory(got, np.frombuffer(message.data, np.uint8))


def test_contracts_and_plain_pictures_need_no_opencv():
    code = (
        "import sys; from gato_ros.embodiments import load_embodiment; import gato_ros.embodiments.pictures.reader; "
        "import gato_ros.nodes.guard_node; load_embodiment(); print('cv2' in sys.modules, 'jax' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["False", "False"]
