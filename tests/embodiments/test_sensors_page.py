"""The YAML of docs/how-to/sensors.md, put together, is a contract."""

import re
from pathlib import Path

import yaml

from gato_ros.embodiments import load_embodiment
from gato_ros.embodiments.yaml_file import yaml_of

PAGE = Path(__file__).parents[2] / "docs/how-to/sensors.md"


def test_the_yaml_of_the_page_is_a_contract(tmp_path):
    blocks = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.S)]
    assert len(blocks) == 6
    content, observations = {}, {}
    for block in blocks:
        observations.update(block.pop("observations", {}))
        content.update(block)
    observations["arm/force"]["apply"] = content.pop("apply")
    path = tmp_path / "my_cell.yaml"
    path.write_text(yaml_of({**content, "observations": observations}))
    robot = load_embodiment(path)
    assert set(robot.listened) == {"arm/force", "task/text"} and set(robot.recorded) == set(content["recorded"])
    eye = robot.cameras["basket_front_left/pixels"]
    assert eye.camera.crop is not None and eye.shape == (128, 128, 3)
