"""What the launch file starts, without ROS."""

import pytest

from gato_ros.core.errors import SetupError
from gato_ros.nodes.runtime.launch_plan import ARGUMENTS, launch_plan, programs
from gato_ros.nodes.runtime.node_specs import PARAMETERS, loop_plan

LOOP = ["guard_node", "policy_node", "sim_node", "incident_node", "lifecycle_manager"]


def names(**given) -> list[str]:
    return [plan.name for plan in launch_plan(given)]


def parameters(node, **given) -> dict:
    return next(dict(plan.parameters) for plan in launch_plan(given) if plan.name == node)


def test_every_argument_is_described_and_its_default_is_one_of_its_choices():
    for name, argument in ARGUMENTS.items():
        assert argument.about and (not argument.choices or argument.default in argument.choices), name


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({}, LOOP),
        ({"incidents": "false"}, [name for name in LOOP if name != "incident_node"]),
        ({"robot": "driver"}, [name for name in LOOP if name != "sim_node"]),
        ({"teleop": "joy", "record": "true"}, [*LOOP, "teleop_node", "recorder_node"]),
    ],
)
def test_arguments_choose_the_nodes(given, wanted):
    assert sorted(names(**given)) == sorted(wanted)


@pytest.mark.parametrize(
    ("given", "node"),
    [
        ({"robot": "sawyer"}, "driver_node"),
        ({"robot": "mock"}, "driver_node"),
        ({"viz": "rviz"}, "view_node"),
        ({"console": "true"}, "console_node"),
    ],
)
def test_nodes_of_other_parts_are_started_where_this_version_has_them(given, node):
    if node in PARAMETERS:
        assert node in names(**given) and ("sim_node" in names(**given)) == ("robot" not in given)
    else:
        with pytest.raises(SetupError, match=node):
            launch_plan(given)


def test_every_node_has_a_name_and_a_namespace_and_waits_for_the_manager():
    for plan in launch_plan({"namespace": "left", "teleop": "expert", "record": "true"}):
        assert plan.namespace == "left" and plan.name
        assert plan.parameters["use_sim_time"] is False and not plan.remaps
    assert parameters("guard_node")["autostart"] is parameters("policy_node")["autostart"] is False
    assert parameters("lifecycle_manager")["managed"] == "guard_node,policy_node"
    assert parameters("lifecycle_manager", autostart="false")["autostart"] is False


def test_the_driver_gets_its_robot_and_only_a_mock_is_enabled():
    sawyer = parameters("driver_node", robot="sawyer", host="intera")
    assert (sawyer["driver"], sawyer["host"], sawyer["enable_at_start"]) == ("sawyer", "intera", False)
    mock = parameters("driver_node", robot="mock")
    assert mock["enable_at_start"] is True and "host" not in mock


def test_only_a_simulated_robot_is_armed_by_itself_and_shadow_reaches_the_guard():
    assert parameters("guard_node")["start_armed"] is True
    real = parameters("guard_node", robot="driver", shadow="true")
    assert real["start_armed"] is False and real["shadow"] is True
    assert parameters("sim_node", teleop="expert")["ground_truth"] is True


def test_lockstep_sets_the_clock_of_those_who_follow_it():
    plans = {plan.name: plan for plan in launch_plan({"lockstep": "true", "clock": "clock"})}
    follow = {name for name, plan in plans.items() if plan.parameters["use_sim_time"]}
    assert follow == {"guard_node", "policy_node"}
    assert all(plan.remaps == {"/clock": "clock"} for plan in plans.values())
    assert "-r /clock:=clock" in " ".join(plans["sim_node"].command())


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"robot": "simm"}, "did you mean 'sim'"),
        ({"robo": "sim"}, "did you mean 'robot'"),
        ({"seed": "x"}, "seed"),
        ({"robot": "driver", "teleop": "expert"}, "robot:=sim"),
        ({"robot": "driver", "lockstep": "true"}, "robot:=sim"),
        ({"task": "blue_on_gren"}, "blue_on_green"),
        ({"shadow": "yes"}, "false, true"),
        ({"parameters": "/nonexistent.yaml"}, "parameter file"),
    ],
)
def test_bad_arguments_are_refused_in_one_line(given, words):
    with pytest.raises(SetupError, match=words) as refused:
        launch_plan(given)
    assert "\n" not in str(refused.value)


def test_a_view_brings_the_program_that_shows_it():
    assert programs({}) == ()
    (rviz,) = programs({"viz": "rviz", "namespace": "left"})
    assert rviz.package == "rviz2" and rviz.arguments[1].endswith("launch/rviz/gato.rviz") and rviz.namespace == "left"
    assert programs({"viz": "foxglove"})[0].package == "foxglove_bridge"


@pytest.mark.fault("A4")
@pytest.mark.parametrize(
    ("text", "argument", "words"),
    [
        ("guard_node: {shadow: true}", "shadow", "one shadow of guard_node.*give shadow:=true"),
        ("policy_node: {policy: /mine}", "policy", "give policy:=/mine"),
        ("sim_node: {seed: 3}", "seed", "give seed:=3"),
    ],
)
def test_an_arguments_default_does_not_overrule_the_file(tmp_path, text, argument, words):
    node, _, values = text.partition(": ")
    path = tmp_path / "mine.yaml"
    path.write_text(f"/**/{node}:\n  ros__parameters: {values}\n")
    with pytest.raises(SetupError, match=words) as refused:
        launch_plan({"parameters": str(path), "namespace": "left"})
    assert "\n" not in str(refused.value)
    given = str(refused.value).rpartition(f"{argument}:=")[2].partition(",")[0]
    plans = launch_plan({"parameters": str(path), "namespace": "left", argument: given})
    assert str(next(plan for plan in plans if plan.name == node).parameters[argument]).lower() == given


@pytest.mark.fault("A4")
def test_a_contract_in_the_file_does_not_lose_against_another(tmp_path):
    """Its limits would be lost with it; the verbs go the same way."""
    path = tmp_path / "mine.yaml"
    path.write_text("/**/guard_node:\n  ros__parameters: {embodiment: panda_rgb_stacking}\n")
    given = {"parameters": str(path), "namespace": "left"}
    with pytest.raises(SetupError, match="one embodiment of guard_node.*line 2, and sawyer_rgb_stacking .*would win"):
        launch_plan(given)
    with pytest.raises(SetupError, match="one embodiment of guard_node"):
        loop_plan({"guard_node": {"embodiment": "sawyer_rgb_stacking_told"}}, path)
    plans = launch_plan({**given, "embodiment": "panda_rgb_stacking"})
    assert {plan.parameters.get("embodiment", "panda_rgb_stacking") for plan in plans} == {"panda_rgb_stacking"}


def test_an_argument_that_is_given_wins_over_the_shipped_file():
    assert parameters("guard_node", embodiment="panda_rgb_stacking")["embodiment"] == "panda_rgb_stacking"
