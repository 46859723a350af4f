"""view_node over DDS: description, pictures and markers, and nothing where nobody looks."""

import importlib.util
import re
import signal
import subprocess
import sys

import numpy as np
import pytest
from sensor_msgs.msg import Image
from std_msgs.msg import Float32MultiArray, String

from gato_ros.bench.recorder.sample_robot import ANGLES
from gato_ros.embodiments import load_embodiment
from gato_ros.embodiments.kinematics import Kinematics
from gato_ros.nodes.messages.image import rgb_from_message
from gato_ros.nodes.runtime.qos import CAMERA, REPORT
from gato_ros.nodes.view.debug_picture import COLOURS, Scene
from gato_ros.nodes.view_node import LATCHED
from tests.ros.conftest import Received

ROBOT = load_embodiment()
CAMERA_TOPIC = ROBOT.observations[ROBOT.image_keys[0]].topic
MARKERS = pytest.mark.skipif(
    importlib.util.find_spec("visualization_msgs") is None,
    reason="visualization_msgs is not installed here (requirements/ros.txt has it)",
)


@pytest.fixture(scope="module")
def viewed(module_processes, module_probe):
    """A robot that somebody moves, and the node that shows it."""
    module_processes.node("sample_robot", "-p", "guard:=true")
    node = module_processes.node("view_node")
    described = module_probe.listen(String, "robot_description", LATCHED)
    module_probe.wait(lambda: described, "the description")
    return node, module_probe, described


def cameras_of(probe) -> bool:
    """Whether view_node receives the cameras."""
    return any(
        info.node_name == "view_node" for info in probe.node.get_subscriptions_info_by_topic(f"/sawyer/{CAMERA_TOPIC}")
    )


def test_the_description_is_the_urdf_and_comes_late_too(viewed):
    node, probe, described = viewed
    assert described[0][1].data == ROBOT.urdf_path.read_text()
    late = probe.listen(String, "robot_description", LATCHED)
    probe.wait(lambda: late, "the description for who comes late")


def test_what_has_no_message_package_is_named_and_left_out(viewed):
    node, probe, _ = viewed
    for package, topic in (("tf2_msgs", "/tf"), ("visualization_msgs", "~/markers")):
        line = f"{package} is not installed: no {topic} from here"
        logged = lambda line=line: line in node.log_path.read_text()
        if importlib.util.find_spec(package) is None:
            probe.wait(logged, f"the line about {package}")  # the file is written after the description is sent
        else:
            assert not logged()


def test_the_picture_shows_the_loop_while_somebody_looks(viewed):
    node, probe, _ = viewed
    assert not cameras_of(probe)
    thoughts = probe.node.create_publisher(Float32MultiArray, "policy_node/introspection", REPORT)
    seen = []
    watching = probe.node.create_subscription(
        Image, "view_node/image", lambda message, info: seen.append(Received(message, info)), CAMERA
    )
    probe.wait(lambda: thoughts.get_subscription_count(), "the node to listen to the policy")

    def newest() -> np.ndarray:
        message = seen[-1][1]
        return rgb_from_message(message, message.height, message.width)

    # Both cameras, the guard's green, an arrow of the command.
    def whole() -> bool:
        if not seen:
            return False
        picture = newest()
        return (
            picture[200, 150:600].std() > 20
            and picture[0, 0].tolist() == list(COLOURS["ok"])
            and (picture[-150:, :340] == (255, 176, 64)).all(-1).any()
        )

    probe.wait(whole, "a picture with cameras, guard and command")
    before = len(seen)
    probe.wait(lambda: len(seen) > before + 10, "ten more pictures")
    first, last = seen[before], seen[-1]
    # 10 Hz; slower only where the machine is busy
    assert (last.number - first.number) / (last.sent_s - first.sent_s) < 13.0
    probe.node.destroy_subscription(watching)
    probe.wait(lambda: not cameras_of(probe), "the node to leave the cameras alone")


@MARKERS
def test_markers_are_published_in_the_base_frame(viewed):
    from visualization_msgs.msg import Marker, MarkerArray

    node, probe, _ = viewed
    received = probe.listen(MarkerArray, "view_node/markers", REPORT)
    # The command is that of a robot whose joints all turn alike.
    probe.wait(
        lambda: received and {marker.id for marker in received[-1][1].markers} >= {0, 1, 2, 3, 5, 6}, "all markers"
    )
    markers = {marker.id: marker for marker in received[-1][1].markers}
    assert {marker.header.frame_id for marker in markers.values()} == {ROBOT.base_frame}
    arrow, tool = markers[5], Kinematics(ROBOT).tool(np.array(ANGLES))
    start, end = (np.array([point.x, point.y, point.z]) for point in arrow.points)
    np.testing.assert_allclose(start, tool.position, atol=1e-6)
    np.testing.assert_allclose(end - start, 2.0 * tool.jacobian[:3] @ np.full(7, 0.01), atol=1e-6)
    assert arrow.type == Marker.ARROW


@MARKERS
def test_the_workspace_is_a_box_in_the_guards_colour():
    from builtin_interfaces.msg import Time

    from gato_ros.nodes.view.markers import scene_markers

    for level, colour in COLOURS.items():
        (box,) = scene_markers(ROBOT, Scene(level=level), None, Time()).markers
        corners = {(point.x, point.y, point.z) for point in box.points}
        assert len(corners) == 8 and len(box.points) == 24
        assert np.min(list(corners), 0).tolist() == ROBOT.limits.workspace_lower_m
        assert np.max(list(corners), 0).tolist() == ROBOT.limits.workspace_upper_m
        assert [round(255 * part) for part in (box.color.r, box.color.g, box.color.b)] == list(colour)


def rerun_rows(file) -> dict[str, int]:
    """Entity -> rows, by Rerun's own reader."""
    done = subprocess.run(
        [sys.executable, "-m", "rerun", "rrd", "print", str(file)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    found = {}
    for rows, entity in re.findall(r"with (\d+) rows .*? - (/\S+) - data", done.stdout):
        found[entity] = found.get(entity, 0) + int(rows)
    return found


def test_rerun_is_named_where_it_is_missing(processes):
    if importlib.util.find_spec("rerun") is not None:
        pytest.skip("rerun-sdk is installed here")
    node = processes.node("view_node", "-p", "rerun:=/tmp/x.rrd")
    assert node.wait(timeout=60) == 2
    (line,) = [line for line in node.log_path.read_text().splitlines() if line.startswith("view_node: ")]
    assert "pip install rerun-sdk" in line


def test_a_rerun_file_can_be_read_back(processes, probe, tmp_path):
    pytest.importorskip("rerun", reason="rerun-sdk is an extra: pip install rerun-sdk")
    file = tmp_path / "view.rrd"
    processes.node("sample_robot", "-p", "guard:=true")
    node = processes.node("view_node", "-p", f'rerun:="{file}"')
    probe.wait(lambda: cameras_of(probe), "the node to look")
    probe.spin(3.0)
    node.send_signal(signal.SIGINT)
    assert node.wait(timeout=60) == 0
    rows = rerun_rows(file)
    for entity in (
        "/cameras/basket_front_left",
        "/cameras/basket_front_right",
        "/joints/right_j3",
        "/world/commanded",
        "/world/tool",
        "/world/workspace",
        "/status",
    ):
        assert rows.get(entity, 0) > 0, (entity, rows)
