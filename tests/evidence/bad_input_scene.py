"""The folder that every case runs in: right inputs of each kind, and the same ones spoiled."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import cv2
import numpy as np
from mcap.writer import Writer

import gato_ros
from gato_ros.data.incidents.incident import write_incident
from tests.cli.test_replay import ABOUT, TOPICS, recorded
from tests.data.recordings import write

PACKAGE = Path(gato_ros.__file__).resolve().parent
LARGE_BYTES = 200_000
DEEP = "[" * 100_000
SUBSTITUTES = {"BELOW_A_FILE": "JUNK/x", "PYTHON": sys.executable}
"""Words of a case that are no name in the folder."""


def make_scene(scene: Path) -> None:
    """Fill `scene`, an empty folder."""
    random = np.random.default_rng(0)
    junk = random.bytes(3000)
    write(scene / "EPISODES", "one", steps=range(4))
    write(scene / "EPISODES", "two", steps=range(4))
    write(scene, "one", steps=range(4))
    _spoiled_episodes(scene, junk)
    write_incident(scene, "INCIDENT", TOPICS, recorded(30), ABOUT)
    _weights(scene, junk)
    _texts(scene)
    (scene / "JUNK").write_bytes(junk)
    (scene / "EMPTY").write_bytes(b"")
    for name in ("FOLDER", "EMPTY_FOLDER", "JUNK_FOLDER"):
        (scene / name).mkdir()
    for name in ("a.mcap", "b.frames.npz", "config.json", "params.safetensors"):
        (scene / "JUNK_FOLDER" / name).write_bytes(junk)
    (scene / "DANGLING").symlink_to("nowhere")
    (scene / "LOOP").symlink_to("LOOP")
    cv2.imwrite(str(scene / "picture.png"), np.zeros((32, 32, 3), np.uint8))


def _spoiled_episodes(scene: Path, junk: bytes) -> None:
    whole = (scene / "one.mcap").read_bytes()
    for number, share in enumerate((0.001, 0.01, 0.3, 0.9, 0.99, 0.9999)):
        (scene / f"CUT{number}.mcap").write_bytes(whole[: int(share * len(whole))])
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    (scene / "FLIPPED.mcap").write_bytes(flipped)
    (scene / "JUNK.mcap").write_bytes(junk)
    (scene / "EMPTY.mcap").write_bytes(b"")
    with open(scene / "BAG.mcap", "wb") as file:  # of somebody else: right as a file, and no episode
        writer = Writer(file)
        writer.start("ros2", "recorder of others")
        schema = writer.register_schema("std_msgs/msg/String", "ros2msg", b"string data")
        channel = writer.register_channel("/chatter", "cdr", schema)
        writer.add_message(channel, 1, b"\0\1\0\0\2\0\0\0a\0", 1)
        writer.add_metadata("rosbag2", {"ROS_DISTRO": "jazzy"})
        writer.finish()


def _weights(scene: Path, junk: bytes) -> None:
    source = PACKAGE / "models" / "weights" / "sawyer_mastery"
    config, params = (source / name for name in ("config.json", "params.safetensors"))
    whole = config.read_text()
    spoiled = {
        "WEIGHTS": (whole, params),
        "TEXT_WEIGHTS": (whole, params),
        "NO_CONFIG": (None, params),
        "NO_PARAMS": (whole, None),
        "BAD_CONFIG": (whole.replace('"layers"', '"floors"', 1), params),
        "LIST_CONFIG": ("[1, 2]", params),
        "LATIN_CONFIG": (b'{"name": "\xe4"}', params),
        "DEEP_CONFIG": (DEEP, params),
        "CUT_PARAMS": (whole, params.read_bytes()[:-100]),
        "EMPTY_PARAMS": (whole, b""),
        "JUNK_PARAMS": (whole, junk),
    }
    for name, (text, tensors) in spoiled.items():
        folder = scene / name
        folder.mkdir()
        if text is not None:
            (folder / "config.json").write_bytes(text.encode() if isinstance(text, str) else text)
        if isinstance(tensors, Path):
            shutil.copyfile(tensors, folder / "params.safetensors")
        elif tensors is not None:
            (folder / "params.safetensors").write_bytes(tensors)
    for name, inner in (
        ("FOLDER_PARAMS", ("params.safetensors",)),
        ("FILES_AS_FOLDERS", ("params.safetensors", "config.json")),
    ):
        for one in inner:
            (scene / name / one).mkdir(parents=True)
    shutil.copyfile(config, scene / "FOLDER_PARAMS" / "config.json")


def _texts(scene: Path) -> None:
    contract = (PACKAGE / "embodiments" / "sawyer_rgb_stacking.yaml").read_text()
    texts = {
        "LATIN": "Stra\xdfe: \xfc\n".encode("latin-1"),
        "DEEP": DEEP,
        "NUMBER": "3",
        "LIST": "[1, null]",
        "FOREIGN": json.dumps({"version": 1, "sets": {"cubes": {"outcomes": [{"seed": "x"}]}}, "perturbation": 3}),
        "YAML": "a: [1\n\tb: 2",
        "CUT.yaml": contract[: len(contract) // 2],
        "TWICE.yaml": contract + "\n" + contract,
        "NAN.yaml": contract.replace("0.07", ".nan"),
    }
    for name, text in texts.items():
        (scene / name).write_bytes(text.encode() if isinstance(text, str) else text)


def copy_scene(scene: Path, place: Path) -> None:
    """The scene for one case; large files are shared: no verb writes into one."""

    def copied(source: str, target: str) -> None:
        (os.link if os.path.getsize(source) > LARGE_BYTES else shutil.copyfile)(source, target)

    shutil.copytree(scene, place, symlinks=True, copy_function=copied)
