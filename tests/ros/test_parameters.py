"""Bad parameters are refused in one line with exit code 2, by the plan and by the nodes themselves."""

import dataclasses
import subprocess
import sys

import pytest

from gato_ros.core.errors import SetupError
from gato_ros.nodes.domain import claim_domain
from gato_ros.nodes.parameters import GuardParameters, SimParameters, check_parameter_file, resolve
from gato_ros.nodes.plan import PARAMETERS, default_parameter_file, loop_plan


@pytest.mark.fault("A1")
@pytest.mark.parametrize(
    "given",
    [
        {"rate": 100.0},
        {"rate_hz": 5.0},
        {"rate_hz": float("nan")},
        {"rate_hz": "fast"},
        {"rate_hz": True},
        {"rate_hz": float("inf")},
        {"start_armed": 1},
        {"embodiment": 3},
    ],
)
def test_bad_values_are_refused_by_name(given):
    with pytest.raises(SetupError) as refused:
        resolve(GuardParameters, given, "guard_node")
    assert next(iter(given)) in str(refused.value) and "\n" not in str(refused.value)


def test_good_values_are_taken_and_an_integer_serves_as_a_float():
    assert resolve(GuardParameters, {"rate_hz": 200}, "guard_node").rate_hz == 200.0
    assert resolve(SimParameters, {"seed": 7, "gui": True}, "sim_node") == SimParameters(seed=7, gui=True)


def test_every_parameter_has_a_description_and_every_number_a_range():
    for kind in PARAMETERS.values():
        for item in dataclasses.fields(kind):
            assert item.metadata["description"]
            if type(item.default) in (int, float):
                assert item.metadata["lower"] <= item.default <= item.metadata["upper"]


@pytest.mark.fault("A1")
@pytest.mark.parametrize(
    "text, complaint",
    [
        ("/**/guard_node:\n  ros__parameters:\n    rate: 100.0\n", "rate_hz"),
        ("/**/gaurd_node:\n  ros__parameters:\n    rate_hz: 100.0\n", "guard_node"),
        ("/**/guard_node:\n  rate_hz: 100.0\n", "ros__parameters"),
        ("/**:\n  ros__parameters:\n    rate_hz: 100.0\n", "policy_node"),
        ("- 1\n", "sections"),
        ("a: [b\n", "YAML"),
    ],
)
def test_a_parameter_file_is_checked_before_anything_starts(tmp_path, text, complaint):
    path = tmp_path / "loop.yaml"
    path.write_text(text)
    with pytest.raises(SetupError, match=complaint):
        check_parameter_file(path, PARAMETERS)


def test_the_shipped_file_is_right_and_names_every_parameter():
    import yaml

    path = default_parameter_file()
    check_parameter_file(path, PARAMETERS)
    content = yaml.safe_load(path.read_text())
    for name, kind in PARAMETERS.items():
        given = content[f"/**/{name}"]["ros__parameters"]
        assert resolve(kind, given, name) == kind() and set(given) == {item.name for item in dataclasses.fields(kind)}


def test_a_workspace_that_is_installed_finds_its_file(tmp_path, monkeypatch):
    share = tmp_path / "install/gato_ros/share/gato_ros/launch/params"
    share.mkdir(parents=True)
    (share / "loop.yaml").write_text("")
    monkeypatch.setattr("gato_ros.nodes.plan.SOURCE", tmp_path / "site-packages")
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"{tmp_path / 'install/gato_ros'}:/nonexistent")
    assert default_parameter_file() == share / "loop.yaml"


def test_the_plan_gives_every_node_a_name_and_a_namespace():
    plans = loop_plan({"sim_node": {"seed": 3}})
    assert [plan.name for plan in plans] == ["guard_node", "policy_node", "sim_node", "incident_node"]
    assert [plan.name for plan in plans if not plan.needed] == ["incident_node"]
    assert [plan.name for plan in loop_plan({}, without=("incident_node", "sim_node"))] == ["guard_node", "policy_node"]
    asked = loop_plan({"teleop_node": {"device": "joy"}}, also=("teleop_node",))
    assert [plan.name for plan in asked if not plan.needed] == ["incident_node", "teleop_node"]
    assert asked[-1].command()[-2:] == ["-p", 'device:="joy"']
    for plan in plans:
        command = " ".join(plan.command())
        assert f"__node:={plan.name}" in command and "__ns:=/sawyer" in command and str(plan.parameter_file) in command
    assert plans[2].command()[-2:] == ["-p", "seed:=3"]
    with pytest.raises(SetupError, match="seed"):
        loop_plan({"sim_node": {"seeed": 3}})


@pytest.mark.fault("A1")
@pytest.mark.parametrize("node", list(PARAMETERS))
def test_a_node_refuses_an_unknown_key_in_its_file_with_one_line_and_exit_code_2(tmp_path, node):
    path, name = tmp_path / "bad.yaml", dataclasses.fields(PARAMETERS[node])[0].name
    path.write_text(f"/**/{node}:\n  ros__parameters:\n    {name}e: sawyer_rgb_stacking\n")
    result = subprocess.run(
        [
            sys.executable,
            "-m",
            f"gato_ros.nodes.{node}",
            "--ros-args",
            "-r",
            "__ns:=/sawyer",
            "--params-file",
            str(path),
        ],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 2
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1 and f"did you mean '{name}'?" in lines[0]


@pytest.mark.fault("A1")
@pytest.mark.parametrize("arguments", [["-p", "rate_hz:=5.0"], ["-p", "embodiment:=saywer_rgb_stacking"]])
def test_a_node_refuses_a_bad_value_with_exit_code_2(arguments):
    result = subprocess.run(
        [sys.executable, "-m", "gato_ros.nodes.guard_node", "--ros-args", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 2 and len(result.stderr.strip().splitlines()) == 1


def test_two_runs_never_share_a_domain():
    first, claim = claim_domain()
    second, other = claim_domain()
    assert first != second and {first, second} <= set(range(1, 102))
    claim.close()
    other.close()
