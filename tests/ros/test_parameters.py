"""Bad parameters are refused in one line with exit code 2, by the plan and by the nodes themselves."""

import dataclasses
import subprocess
import sys

import pytest

from gato_ros.core.errors import SetupError
from gato_ros.nodes.runtime.node_specs import PARAMETERS, default_parameter_file, loop_plan
from gato_ros.nodes.runtime.parameter_file import check_handed_files
from gato_ros.nodes.runtime.parameters import GuardParameters, SimParameters, check_parameter_file, resolve
from gato_ros.nodes.runtime.ros_domain import claim_domain


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
        ("/**/guard_node:\n  ros__parameters:\n    rate_hz: 1e2\n    rate: 1.0\n", "line 4,.*did you mean 'rate_hz'"),
        ("\n/**/gaurd_node:\n  ros__parameters: {}\n", "line 2,.*did you mean 'guard_node'"),
        ("/**/guard_node:\n  ros__parameters:\n    rate_hz: on\n", "rate_hz: on, which YAML reads in two ways, line 3"),
        ("/**/guard_node:\n  ros__parameters:\n    rate_hz: '100.0'\n", "line 3, parameter rate_hz: float"),
        ("/**/guard_node:\n  ros__parameters:\n    use_sim_time: 1\n", "line 3, true or false"),
        ("/**/guard_node:\n  ros__parameters: [rate_hz]\n", "line 1"),
        ("/**/guard_node:\n  ros_parameters: {rate_hz: 100.0}\n", "line 1"),
    ],
)
def test_a_parameter_file_is_checked_before_anything_starts(tmp_path, text, complaint):
    path = tmp_path / "loop.yaml"
    path.write_text(text)
    with pytest.raises(SetupError, match=complaint):
        check_parameter_file(path, PARAMETERS)


def section(name: str, **given) -> str:
    return f"{name}:\n  ros__parameters: {given}\n".replace("'", "")


@pytest.mark.fault("A4")
@pytest.mark.parametrize(
    "one, other",
    [
        ("/**/guard_node", "/sawyer/guard_node"),
        ("/**/guard_node", "guard_node"),
        ("guard_node", "/guard_node"),
        ("/**", "/**/guard_node"),
        ("/sawyer/guard_node", "/**"),
        ("/*/guard_node", "/sawyer/guard_node"),
    ],
)
def test_a_parameter_in_two_sections_of_one_node_is_refused(tmp_path, one, other):
    """ROS would keep the one further down, whichever names its node more closely."""
    path = tmp_path / "loop.yaml"
    path.write_text(section(one, rate_hz=100.0) + section(other, rate_hz=200.0))
    with pytest.raises(SetupError, match="rate_hz of one node once .*line 2 and line 4"):
        check_parameter_file(path, {"guard_node": GuardParameters})
    path.write_text(section(one, rate_hz=100.0) + section(other, shadow="true"))
    check_parameter_file(path, {"guard_node": GuardParameters})


def test_two_robots_may_share_a_file(tmp_path):
    path = tmp_path / "loop.yaml"
    path.write_text(section("/left/guard_node", rate_hz=100.0) + section("/right/guard_node", rate_hz=200.0))
    for namespace in ("left", "right"):
        loop_plan({}, path, namespace)


@pytest.mark.fault("A4")
@pytest.mark.parametrize("name", ["guard_node", "/guard_node", "/swayer/guard_node"])
def test_a_section_of_another_namespace_is_refused(tmp_path, name):
    """ROS would leave it out without a word."""
    path = tmp_path / "loop.yaml"
    path.write_text(section(name, rate_hz=200.0))
    with pytest.raises(SetupError, match="a section of /sawyer/guard_node.*line 1, which is another node"):
        loop_plan({}, path, "sawyer")
    path.write_text(section(name.replace("guard", "driver"), port=7411))
    loop_plan({}, path, "sawyer")  # nobody starts that one


@pytest.mark.parametrize("left_out", list(PARAMETERS))
def test_every_section_and_every_parameter_is_optional(tmp_path, left_out):
    import yaml

    path, content = tmp_path / "loop.yaml", yaml.safe_load(default_parameter_file().read_text())
    own = content.pop(f"/**/{left_out}")["ros__parameters"]
    for given in ({}, *({key: value} for key, value in own.items())):
        path.write_text(yaml.safe_dump({**content, f"/**/{left_out}": {"ros__parameters": given}}))
        check_parameter_file(path, PARAMETERS, "sawyer", list(PARAMETERS))
    path.write_text(yaml.safe_dump(content))
    check_parameter_file(path, PARAMETERS, "sawyer", list(PARAMETERS))


def test_a_node_checks_its_own_section_of_the_files_that_it_is_handed(tmp_path):
    path = tmp_path / "all.yaml"
    line = ["node", "--ros-args", "-r", "__ns:=/sawyer", "--params-file", str(path)]

    def check():
        check_handed_files(line, "guard_node", GuardParameters)

    path.write_text(section("/**/controller_server", rate=1) + section("/**/policy_node", tas="x"))
    check()  # of others
    path.write_text(section("/**/guard_node", rate_hz=100.0) + section("/**/controller_server", a="{b: 1}"))
    check()
    for text, words in (
        (section("/**/guard_node", rate=1.0), "did you mean 'rate_hz'"),
        (section("/**/gaurd_node", rate_hz=100.0), "did you mean 'guard_node'"),
        (section("guard_node", rate_hz=100.0), "a section of /sawyer/guard_node"),
        (section("/**", rate_hz=100.0) + section("/**/guard_node", rate_hz=200.0), "rate_hz of one node once"),
        (section("/**/guard_node", rate_hz=100.0) * 2, "twice, in lines 1 and 3"),
        ("/**/guard_node:\n\tros__parameters: {}\n", "a tab, line 2"),
    ):
        path.write_text(text)
        with pytest.raises(SetupError, match=words):
            check()


@pytest.mark.fault("A4")
def test_a_node_refuses_a_key_twice_in_its_file_with_one_line_and_exit_code_2(tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_text("/**/guard_node:\n  ros__parameters:\n    rate_hz: 100.0\n    rate_hz: 200.0\n")
    result = subprocess.run(
        [sys.executable, "-m", "gato_ros.nodes.guard_node", "--ros-args", "--params-file", str(path)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    lines = result.stderr.strip().splitlines()
    assert result.returncode == 2 and len(lines) == 1 and "rate_hz twice" in lines[0] and "lines 3 and 4" in lines[0]


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
    monkeypatch.setattr("gato_ros.nodes.runtime.node_specs.SOURCE", tmp_path / "site-packages")
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"{tmp_path / 'install/gato_ros'}:/nonexistent")
    assert default_parameter_file() == share / "loop.yaml"


def test_the_plan_gives_every_node_a_name_and_a_namespace():
    plans = loop_plan({"sim_node": {"seed": 3}})
    assert [plan.name for plan in plans] == ["guard_node", "policy_node", "sim_node", "incident_node"]
    assert [plan.name for plan in plans if not plan.needed] == ["incident_node"]
    assert [plan.name for plan in loop_plan({}, without=("incident_node", "sim_node"))] == ["guard_node", "policy_node"]
    with_teleop = loop_plan({"teleop_node": {"device": "joy"}}, also=("teleop_node",))
    assert [plan.name for plan in with_teleop if not plan.needed] == ["incident_node", "teleop_node"]
    assert with_teleop[-1].command()[-2:] == ["-p", 'device:="joy"']
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
        timeout=240,
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
        timeout=240,
    )
    assert result.returncode == 2 and len(result.stderr.strip().splitlines()) == 1


def test_two_runs_never_share_a_domain():
    first, claim = claim_domain()
    second, other = claim_domain()
    assert first != second and {first, second} <= set(range(1, 102))
    claim.close()
    other.close()
