"""What two_robots.launch.py starts: two arms that know nothing of each other, or two beside each other."""

import pytest
import yaml
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import TwistStamped
from std_msgs.msg import String
from std_srvs.srv import Trigger

from gato_ros.core.errors import SetupError
from gato_ros.embodiments import load_embodiment
from gato_ros.nodes.messages.diagnosis import values_of
from gato_ros.nodes.runtime.launch_plan import ARGUMENTS, launch_plan
from gato_ros.nodes.runtime.qos import REPORT
from gato_ros.nodes.runtime.two_robots import OWN, SHARED, TWO_ARGUMENTS, two_robots
from tests.ros.conftest import DISCOVERY_LIMIT_S
from tests.ros.test_neighbours import contracts
from tests.without_simulator import need_simulator

PAIR = {"left_embodiment": "sawyer_pair_left", "right_embodiment": "sawyer_pair_right"}
POLICIES = {"left_policy": "sawyer_small", "right_policy": "hold"}


def plans(side, given):
    return {plan.name: plan for plan in launch_plan(two_robots(given)[side])}


def test_its_arguments_are_those_of_one_robot():
    assert set(TWO_ARGUMENTS) == {*SHARED, *(f"{side}_{name}" for side in ("left", "right") for name in OWN)}
    assert {*SHARED, *OWN} < set(ARGUMENTS)
    for name, argument in TWO_ARGUMENTS.items():
        assert argument.about and (not argument.choices or argument.default in argument.choices), name


def test_two_robots_are_alone_without_contracts_that_name_each_other():
    for side, seed in (("left", 0), ("right", 1)):
        found = plans(side, {"policy": "hold", "task": "red_on_green"})
        assert {plan.namespace for plan in found.values()} == {side}
        assert found["sim_node"].parameters["seed"] == seed and "neighbours" not in found["sim_node"].parameters
        assert found["sim_node"].parameters["task"] == "red_on_green"
        assert all(plan.remaps == {"/clock": "clock"} for plan in found.values())


def test_a_pair_is_one_world_and_two_loops():
    left, right = plans("left", PAIR), plans("right", PAIR)
    assert set(left) - set(right) == {"sim_node"} and not set(right) - set(left)
    assert left["sim_node"].parameters["neighbours"] is True
    assert left["sim_node"].parameters["neighbour_task"] == "green_on_red"
    for side, found in (("left", left), ("right", right)):
        assert {plan.namespace for plan in found.values()} == {side}
        assert found["guard_node"].parameters["embodiment"] == f"sawyer_pair_{side}"
        assert found["guard_node"].parameters["start_armed"] is True


def test_each_arm_of_a_pair_has_its_own_policy_task_and_folder():
    given = {**PAIR, **POLICIES, "task": "blue_on_red", "record": "true", "folder": "/tmp/kept", "teleop": "expert"}
    left, right = plans("left", given), plans("right", given)
    assert left["policy_node"].parameters["policy"] == "sawyer_small"
    assert right["policy_node"].parameters["policy"] == "hold"
    assert (left["teleop_node"].parameters["task"], right["teleop_node"].parameters["task"]) == (
        "blue_on_red",
        "green_on_red",
    )
    assert {found["recorder_node"].parameters["folder"] for found in (left, right)} == {
        "/tmp/kept/left",
        "/tmp/kept/right",
    }
    assert not any(found["teleop_node"].parameters["hands_on"] for found in (left, right)), "they go by turns"
    assert left["sim_node"].parameters["ground_truth"] is True
    assert (
        plans("left", {**given, "right_task": "red_on_blue"})["sim_node"].parameters["neighbour_task"] == "red_on_blue"
    )


def test_real_arms_beside_each_other_have_a_driver_each(tmp_path):
    left = contracts(tmp_path)
    given = {
        "robot": "sawyer",
        "left_embodiment": str(left),
        "right_embodiment": str(tmp_path / "right.yaml"),
        "left_host": "10.0.0.2",
        "right_host": "10.0.0.3",
    }
    for side, namespace, host in (("left", "sawyer", "10.0.0.2"), ("right", "other", "10.0.0.3")):
        found = plans(side, given)
        assert "sim_node" not in found and found["driver_node"].parameters["host"] == host
        assert {plan.namespace for plan in found.values()} == {namespace}
        assert found["guard_node"].parameters["start_armed"] is False


def test_the_arm_that_names_the_other_has_the_world(tmp_path):
    """The other one's contract need not name it, where it does not yield."""
    contracts(tmp_path)
    content = yaml.safe_load((tmp_path / "left.yaml").read_text())
    content["guard"]["neighbours"]["right"]["speed_m_s"] = 0.2
    (tmp_path / "left.yaml").write_text(yaml.safe_dump(content))
    alone = {"extends": "sawyer_rgb_stacking", "schema": 2, "name": "right", "wire": {"namespace": "other"}}
    (tmp_path / "right.yaml").write_text(yaml.safe_dump(alone))
    found = two_robots(
        {"left_embodiment": str(tmp_path / "right.yaml"), "right_embodiment": str(tmp_path / "left.yaml")}
    )
    assert (found["left"]["world"], found["right"]["world"]) == ("other", "shared")
    assert found["right"]["neighbour_task"] == found["left"]["task"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"left_embodiment": "sawyer_pair_left"}, "one of the arms beside sawyer_pair_left.*sawyer_pair_right"),
        ({"right_embodiment": "sawyer_pair_right"}, "one of the arms beside sawyer_pair_right"),
        ({**PAIR, "lockstep": "true"}, "lockstep:=false for world:=shared"),
        ({"left_task": "red_on_gren"}, "did you mean 'red_on_green'"),
        ({"left_seed": "1"}, "an argument of two_robots.launch.py"),
        ({"left_embodiment": "sawyer_pair_lef"}, "did you mean 'sawyer_pair_left'"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(given, words):
    with pytest.raises(SetupError, match=words) as refused:
        two_robots(given)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"world": "shared"}, "guard.neighbours for world:=shared"),
        ({"world": "shared", "embodiment": "sawyer_pair_left", "lockstep": "true"}, "lockstep"),
        ({"world": "other", "robot": "driver"}, "robot:=sim for world:=other"),
        ({"world": "both"}, "other, own, shared"),
        ({"hands_on": "false"}, "teleop:=expert for hands_on:=false"),
    ],
)
def test_a_world_that_cannot_be_is_refused_in_one_line(given, words):
    with pytest.raises(SetupError, match=words) as refused:
        launch_plan(given)
    assert "\n" not in str(refused.value)


def test_a_pair_comes_up_as_it_is_planned(processes, probe):
    """Every process of both loops, from its command line: both guards see the other arm and follow."""
    need_simulator()
    status = {}
    for side, arguments in two_robots({**PAIR, "incidents": "false"}).items():
        robot = load_embodiment(arguments["embodiment"])
        status[side] = probe.listen(DiagnosticStatus, f"/{side}/guard_node/status", REPORT)
        tasks = probe.listen(String, f"/{side}/sim_node/task", REPORT)
        twists = probe.listen(TwistStamped, f"/{side}/{robot.wire.proposal_twist}", REPORT)
        status[side, "there"] = (tasks, twists)
        for plan in launch_plan(arguments):
            processes.start(*plan.command()[1:])

    def up() -> bool:
        return all(
            status[side]
            and status[side][-1][1].message == "ok"
            and values_of(status[side][-1][1])["source"] == "policy"
            and all(status[side, "there"])
            for side in ("left", "right")
        )

    def rearm() -> None:
        """A machine that is busy breaks a motion off for so long now and then that the guard latches."""
        for side in ("left", "right"):
            said = status[side][-1][1] if status[side] else DiagnosticStatus()
            if said.message == "latched" and "not_armed" not in values_of(said)["reasons"]:
                probe.call(Trigger, f"/{side}/guard_node/reset", Trigger.Request())

    probe.wait(up, "both loops to follow their policies", 6 * DISCOVERY_LIMIT_S, rearm)
