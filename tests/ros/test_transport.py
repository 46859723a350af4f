"""No node of ours shares memory with its listeners, whatever discovery range the user has chosen."""

import os
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
from diagnostic_msgs.msg import DiagnosticStatus

from gato_ros.nodes.runtime.qos import REPORT
from gato_ros.nodes.runtime.transport import (
    FILES,
    NETWORK_PROFILE,
    PROFILE,
    RANGE,
    avoid_shared_memory,
    stay_on_this_machine,
    uses_shared_memory,
)

OURS = (
    RANGE,
    "ROS_LOCALHOST_ONLY",
    "ROS_STATIC_PEERS",
    "FASTDDS_BUILTIN_TRANSPORTS",
    "FASTDDS_DEFAULT_PROFILES_FILE",
    "FASTRTPS_DEFAULT_PROFILES_FILE",
    "RMW_IMPLEMENTATION",
)


def profile_of(environment: dict) -> str | None:
    return environment.get("FASTDDS_DEFAULT_PROFILES_FILE") or environment.get("FASTRTPS_DEFAULT_PROFILES_FILE")


@pytest.mark.parametrize("chosen", [{RANGE: "LOCALHOST"}, {"ROS_LOCALHOST_ONLY": "1"}])
def test_on_this_machine_only_means_the_loopback_profile(chosen):
    environment = dict(chosen)
    avoid_shared_memory(environment)
    assert profile_of(environment) == str(PROFILE) and PROFILE.is_file()
    assert environment[RANGE] == "SYSTEM_DEFAULT" and "ROS_LOCALHOST_ONLY" not in environment
    assert len([name for name in FILES if name in environment]) == 1
    once = dict(environment)
    avoid_shared_memory(environment)  # a child finds what its parent has set
    assert environment == once


def test_the_variable_is_that_of_the_library_that_is_loaded(probe):
    """Fast DDS 2 is libfastrtps, 3 is libfastdds."""
    environment, loaded = {RANGE: "LOCALHOST"}, Path("/proc/self/maps").read_text()
    avoid_shared_memory(environment)
    is_2 = "/libfastrtps." in loaded
    assert is_2 != ("/libfastdds." in loaded)
    assert FILES[is_2] in environment and FILES[not is_2] not in environment


@pytest.mark.parametrize(
    ("distribution", "name"), [("humble", FILES[1]), ("jazzy", FILES[1]), ("kilted", FILES[0]), ("lyrical", FILES[0])]
)
def test_an_installed_ros_tells_by_its_distribution(monkeypatch, distribution, name):
    def no_wheel(package):
        raise PackageNotFoundError(package)

    monkeypatch.setattr("gato_ros.nodes.runtime.transport.version", no_wheel)
    monkeypatch.setenv("ROS_DISTRO", distribution)
    environment = {RANGE: "LOCALHOST"}
    avoid_shared_memory(environment)
    assert environment[name] == str(PROFILE)


@pytest.mark.parametrize(
    "chosen", [{}, {RANGE: "SUBNET"}, {RANGE: "OFF"}, {RANGE: "LOCALHOST", "ROS_STATIC_PEERS": "another"}]
)
def test_elsewhere_transport_and_sockets_are_changed(chosen):
    environment = dict(chosen)
    avoid_shared_memory(environment)
    assert profile_of(environment) == str(NETWORK_PROFILE) and NETWORK_PROFILE.is_file()
    ours = {name: value for name, value in environment.items() if name not in FILES}
    assert ours == {**chosen, "FASTDDS_BUILTIN_TRANSPORTS": "UDPv4"}


LARGE_BYTES, PICTURES = 300_000, 30
SENDER = f"""
import rclpy, time
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CompressedImage

rclpy.init()
node = rclpy.create_node("large_camera")
publisher = node.create_publisher(CompressedImage, "large", qos_profile_sensor_data)
while not publisher.get_subscription_count():
    time.sleep(0.05)
time.sleep(0.5)
message = CompressedImage(format="jpeg", data=bytes({LARGE_BYTES}))
for _ in range({PICTURES}):
    publisher.publish(message)
    time.sleep(0.05)
"""
RECEIVER = """
import os, time
from gato_ros.nodes.runtime.transport import avoid_shared_memory

if {ours}:
    avoid_shared_memory(os.environ)
else:
    os.environ["FASTDDS_BUILTIN_TRANSPORTS"] = "UDPv4"
import rclpy
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CompressedImage

rclpy.init()
node, sizes = rclpy.create_node("receiver"), []
keep = lambda message: sizes.append(len(message.data))
node.create_subscription(CompressedImage, "large", keep, qos_profile_sensor_data)
while not node.count_publishers("large"):
    rclpy.spin_once(node, timeout_sec=0.1)
end_s = time.monotonic() + 10.0
while node.count_publishers("large") and time.monotonic() < end_s:
    rclpy.spin_once(node, timeout_sec=0.1)
print("received", len(sizes), "of", set(sizes))
"""


def received_of_a_large_camera(processes, tmp_path, environment, ours):
    """How many pictures arrive from a driver as ROS starts it."""
    sender, receiver = tmp_path / "sender.py", tmp_path / f"receiver_{ours}.py"
    sender.write_text(SENDER)
    receiver.write_text(RECEIVER.format(ours=ours))
    driver, _ = start(processes, environment, str(sender))
    process, log = start(processes, environment, str(receiver))
    assert process.wait(60.0) == 0, log.read_text()
    driver.wait(30.0)
    return int(log.read_text().split("received ")[1].split()[0])


@pytest.mark.parametrize("environment", [{RANGE: "LOCALHOST"}, {RANGE: "SUBNET"}], ids=["localhost", "subnet"])
def test_large_pictures_arrive_from_a_driver_that_is_not_ours(processes, tmp_path, environment):
    assert received_of_a_large_camera(processes, tmp_path, environment, ours=True) >= PICTURES - 2
    if environment[RANGE] == "SUBNET":  # what Linux gives by itself is too small, and so the check can fail
        assert received_of_a_large_camera(processes, tmp_path, environment, ours=False) <= PICTURES / 2


@pytest.mark.parametrize(
    "chosen",
    [
        {"RMW_IMPLEMENTATION": "rmw_cyclonedds_cpp", RANGE: "LOCALHOST"},
        {"FASTDDS_DEFAULT_PROFILES_FILE": "/mine.xml", RANGE: "LOCALHOST"},
        {"FASTRTPS_DEFAULT_PROFILES_FILE": "/mine.xml"},
    ],
)
def test_what_the_user_has_chosen_stays(chosen):
    environment = dict(chosen)
    avoid_shared_memory(environment)
    assert environment == chosen
    stay_on_this_machine(environment)
    assert environment == {RANGE: "LOCALHOST", **chosen}


def start(processes, environment, *arguments):
    """As a user's shell would, with these variables and no others of that kind."""
    clean = {name: value for name, value in os.environ.items() if name not in OURS}
    log = processes.folder / f"{arguments[-1].replace('/', '_')}.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            env={**clean, **environment},
            stdout=file,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            cwd=Path(__file__).resolve().parents[2],
        )
    return processes.keep(process), log


def thread_names(pid: int) -> set[str]:
    return {(task / "comm").read_text().strip() for task in Path(f"/proc/{pid}/task").iterdir()}


@pytest.mark.fault("P3")
@pytest.mark.parametrize(
    "environment",
    [{RANGE: "LOCALHOST"}, {"ROS_LOCALHOST_ONLY": "1"}, {RANGE: "SUBNET"}, {}],
    ids=["localhost", "localhost_only", "subnet", "nothing"],
)
def test_the_guard_has_no_thread_for_shared_memory_and_strangers_receives_it(processes, probe, environment):
    guard, log = start(processes, environment, "-m", "gato_ros.nodes.guard_node", "--ros-args", "-r", "__ns:=/sawyer")
    # A stranger as ROS makes it: with shared memory, and so the check can fail.
    stranger, _ = start(processes, environment, "tests/ros/still_robot.py")
    received = probe.listen(DiagnosticStatus, "guard_node/status", REPORT)
    probe.wait(lambda: received and values(received)["state_age_ms"] != "inf", "a guard that receives the stranger")
    assert not any(name.startswith("dds.shm") for name in thread_names(guard.pid))
    assert any(name.startswith("dds.shm") for name in thread_names(stranger.pid))
    assert "shared memory" not in log.read_text()


def values(received) -> dict[str, str]:
    return {item.key: item.value for item in received[-1][1].values}


def test_shared_memory_that_the_user_asks_for_is_warned_of(processes, probe, tmp_path):
    profile = tmp_path / "mine.xml"
    profile.write_text(
        '<?xml version="1.0"?><dds xmlns="http://www.eprosima.com"><profiles>'
        '<participant profile_name="mine" is_default_profile="true"><rtps/></participant>'
        "</profiles></dds>"
    )
    _, log = start(
        processes,
        {"FASTDDS_DEFAULT_PROFILES_FILE": str(profile), RANGE: "LOCALHOST"},
        "-m",
        "gato_ros.nodes.guard_node",
        "--ros-args",
        "-r",
        "__ns:=/sawyer",
    )
    end_s = time.monotonic() + 60.0
    while "uses shared memory" not in log.read_text():
        assert time.monotonic() < end_s, log.read_text()
        time.sleep(0.1)
    assert not uses_shared_memory()  # here, beside the probe
