"""Contracts unlike the shipped ones, made from the Sawyer's: fewer cameras, other sizes, a gripper without effort."""

import yaml

from gato_ros.embodiments import load_embodiment
from gato_ros.embodiments.contract import FOLDER

LEFT, RIGHT, GRASP = "basket_front_left/pixels", "basket_front_right/pixels", "gripper/grasp"


def robot_of_others(folder, without=(), **changes):
    """The Sawyer's contract without some observations, and with fields of others changed; from a file in `folder`."""
    content = yaml.safe_load((FOLDER / "sawyer_rgb_stacking.yaml").read_text())
    for key in without:
        del content["observations"][key]
    for key, fields in changes.pop("observations", {}).items():
        content["observations"][key] |= fields
    for part, fields in changes.items():
        content[part] |= fields
    path = folder / "robot.yaml"
    path.write_text(yaml.safe_dump(content | {"name": "of_others"}))
    return load_embodiment(path)
