"""The files for RViz and Foxglove: parsed, and held against the topics that there are. Neither program is here."""

import json
import re
from pathlib import Path

import pytest
import yaml

from gato_ros.embodiments import load_embodiment
from gato_ros.nodes.policy.introspection import LABELS
from gato_ros.nodes.runtime.node_specs import NAMESPACE, PARAMETERS

LAUNCH = Path(__file__).resolve().parents[2] / "launch"
ROBOT = load_embodiment()
PUBLISHED = {
    f"/{NAMESPACE}/{name}"
    for name in (
        "robot_description",
        "view_node/markers",
        "view_node/image",
        "policy_node/introspection",
        "guard_node/status",
    )
}
ACTIONS = 5
FIRST = {label: ACTIONS * place for place, label in enumerate(LABELS[:5])} | {"latency_ms": 5 * ACTIONS + 2}


@pytest.fixture(scope="module")
def rviz():
    return yaml.safe_load((LAUNCH / "rviz/gato.rviz").read_text())


@pytest.fixture(scope="module")
def foxglove():
    return json.loads((LAUNCH / "foxglove/gato.json").read_text())


def test_rviz_shows_robot_frames_markers_and_image_of_this_robot(rviz):
    manager = rviz["Visualization Manager"]
    assert manager["Global Options"]["Fixed Frame"] == ROBOT.base_frame
    displays = {display["Class"].split("/")[1]: display for display in manager["Displays"]}
    assert {"RobotModel", "TF", "MarkerArray", "Image"} <= set(displays)
    topics = {
        place[key]["Value"] for place in displays.values() for key in ("Topic", "Description Topic") if key in place
    }
    assert topics == {f"/{NAMESPACE}/{name}" for name in ("robot_description", "view_node/markers", "view_node/image")}
    # Another quality of service and RViz shows nothing, without a word.
    assert displays["RobotModel"]["Description Topic"]["Durability Policy"] == "Transient Local"
    assert displays["Image"]["Topic"]["Reliability Policy"] == "Best Effort"


def test_foxglove_has_a_place_for_every_panel_and_a_panel_for_every_place(foxglove):
    def leaves(node) -> list[str]:
        return [node] if isinstance(node, str) else leaves(node["first"]) + leaves(node["second"])

    assert sorted(leaves(foxglove["layout"])) == sorted(foxglove["configById"])


def test_foxglove_plots_what_the_introspection_holds_at_that_place(foxglove):
    text = json.dumps(foxglove)
    topics = set(re.findall(rf'"(/{NAMESPACE}/[a-z_/]+)', text))
    assert topics == PUBLISHED and "view_node" in PARAMETERS
    for panel, label in (
        ("Plot!entropy", "entropy_nat"),
        ("Plot!probability", "probability"),
        ("Plot!latency", "latency_ms"),
    ):
        places = [
            int(re.search(r"\[(\d+)\]", path["value"]).group(1)) for path in foxglove["configById"][panel]["paths"]
        ]
        assert places == list(range(FIRST[label], FIRST[label] + len(places)))
