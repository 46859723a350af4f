"""The nodes of a robot's computer start where there is no PyBullet."""

import pytest

from tests.absent_pybullet import absent_pybullet

pytestmark = pytest.mark.robot_side
NODES = {
    "guard_node": (),
    "policy_node": ("-p", "policy:=hold"),
    "recorder_node": ("-p", "folder:={folder}"),
    "driver_node": ("-p", "driver:=mock"),
}


def test_policy_guard_recorder_and_driver_start_without_it(processes, probe, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", absent_pybullet(tmp_path))
    for name, parameters in NODES.items():
        processes.node(name, *(one.format(folder=tmp_path) for one in parameters))
    probe.wait(lambda: set(NODES) <= set(probe.node.get_node_names()), "the nodes")
    assert [process.poll() for process in processes._running] == [None] * len(NODES)


def test_the_simulator_says_what_to_install(processes, probe, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", absent_pybullet(tmp_path))
    node = processes.start("-m", "gato_ros.nodes.sim_node")
    probe.wait(lambda: node.poll() is not None, "its end")
    assert node.returncode == 2 and "gato_ros[sim]" in node.log_path.read_text()
