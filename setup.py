"""Build description for colcon (ament_python) and pip; versions are pinned in requirements/."""

import re
import sys
from glob import glob
from pathlib import Path

from setuptools import find_packages, setup

NODES = (
    "console_node",
    "driver_node",
    "guard_node",
    "incident_node",
    "lifecycle_manager",
    "policy_node",
    "recorder_node",
    "sim_node",
    "teleop_node",
    "view_node",
)

VERSION = re.search(r'^__version__ = "(.+)"$', Path("gato_ros/version.py").read_text(), re.MULTILINE).group(1)
"""One place says it; importing the package here would need its dependencies."""

ONLY_IN_THE_REPOSITORY = ["gato_ros.bench.guard", "gato_ros.bench.peers"]
"""Evidence about the guard, and other programs to compare with: they need tests/ and the peers' environments."""

data_files = [
    ("share/ament_index/resource_index/packages", ["resource/gato_ros"]),
    ("share/gato_ros", ["package.xml"]),
    ("share/gato_ros/launch", glob("launch/*.launch.py")),
    ("share/gato_ros/launch/foxglove", glob("launch/foxglove/*.json")),
    ("share/gato_ros/launch/params", glob("launch/params/*.yaml")),
    ("share/gato_ros/launch/rviz", glob("launch/rviz/*.rviz")),
    ("share/gato_ros/launch/security", glob("launch/security/*.xml")),
]
if "bdist_wheel" in sys.argv:
    # pip puts entry points into bin and ignores setup.cfg, so `ros2 run` would find nothing there. colcon does
    # not build wheels; under it the entry points themselves are the programs.
    data_files.append(("lib/gato_ros", glob("scripts/*")))

setup(
    name="gato_ros",
    version=VERSION,
    description="An open Gato that drives a robot arm under ROS 2, with a simulator as a drop-in robot",
    license="Apache-2.0",
    maintainer="gato_ros maintainers",
    maintainer_email="maintainers@gato-ros.example",
    python_requires=">=3.10",
    # gato_ros/models and gato_ros/sim are symlinks that setuptools follows.
    packages=find_packages(include=["gato_ros", "gato_ros.*"], exclude=ONLY_IN_THE_REPOSITORY),
    # Level by level: old setuptools drop files matched by `**` without a word.
    package_data={
        "gato_ros": ["py.typed"],
        "gato_ros.cli.episode_verbs": ["*.jinja"],
        "gato_ros.domains.generalist": ["*.yaml"],
        "gato_ros.domains.baselines": ["*.json"],
        "gato_ros.embodiments": ["*.yaml", "*.urdf"],
        "gato_ros.evaluation.reports": ["*.jinja"],
        "gato_ros.evaluation.loop": ["*.jinja"],
        "gato_ros.models": ["weights/*/*"],
        "gato_ros.nodes.console": ["page/*"],
        "gato_ros.nodes.runtime": ["*.xml"],
        "gato_ros.nodes.teleop": ["joysticks/*.yaml"],
    },
    data_files=data_files,
    zip_safe=True,
    # No ROS package here: they come from apt, or from PyPI under other names (requirements/ros.txt).
    install_requires=[
        "setuptools",
        "numpy",
        "pydantic>=2",
        "PyYAML",
        "tyro",
        "rich",
        "jaxtyping",
        "gymnasium",
        "pin",
        "jax",
        "flax",
        "optax",
        "orbax-checkpoint",
        "safetensors",
        "sentencepiece",
        "protobuf",
        "mcap",
        "rosbags",
        "Jinja2",
        "matplotlib",
        "imageio-ffmpeg",
        "tensorboardX",
        "psutil",
        "opencv-python-headless",
    ],
    # `sim` is the simulator; a robot's computer does without. PyBullet has wheels up to Python 3.11 and is built after.
    # `mujoco` is the physics of one held-out world, beside `sim`.
    # `domains` are worlds that need no robot, and the shards that their demonstrations lie in; `babyai` is one of them.
    # `atari` stands alone: ale-py is under the GPL.
    # `text` holds the published vocabulary; other SentencePiece models serve as well.
    # `ray` spreads `collect` and `evaluate` over the machines of a cluster; `remote` has the policy on a server.
    # The next three are what `episodes export` writes each format with; view_node shows itself in `rerun`;
    # console_node serves its page with the last.
    extras_require={
        "sim": ["pybullet"],
        "mujoco": ["mujoco"],
        "babyai": ["minigrid", "array-record"],
        "domains": ["minigrid", "metaworld", "array-record"],
        "atari": ["ale-py", "array-record"],
        "text": ["mistral-common"],
        "ray": ["ray"],
        "remote": ["grpcio"],
        "hdf5": ["h5py"],
        "lerobot": ["pyarrow"],
        "rlds": ["tensorflow-datasets", "array-record"],
        "rerun": ["rerun-sdk"],
        "console": ["aiohttp", "segno"],
    },
    entry_points={"console_scripts": [f"{name} = gato_ros.nodes.{name}:main" for name in NODES]},
)
