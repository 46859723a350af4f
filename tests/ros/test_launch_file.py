"""The launch file: compiled everywhere, loaded where `launch` is installed."""

import ast
import importlib.util
from pathlib import Path

import pytest

FILES = sorted((Path(__file__).resolve().parents[2] / "launch").glob("*.launch.py"))


def test_there_is_one_launch_file_and_one_that_includes_it_twice():
    assert [path.name for path in FILES] == ["gato.launch.py", "two_robots.launch.py"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_it_compiles_and_gives_every_node_a_name_and_a_namespace(path):
    tree = ast.parse(path.read_text())
    compile(tree, str(path), "exec")
    nodes = [call for call in ast.walk(tree) if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "Node"]
    assert bool(nodes) == (path.name == "gato.launch.py")
    for call in nodes:
        given = {keyword.arg for keyword in call.keywords}
        assert {"package", "executable", "name", "namespace", "parameters"} <= given
    assert any(isinstance(item, ast.FunctionDef) and item.name == "generate_launch_description" for item in tree.body)


def loaded(path):
    spec = importlib.util.spec_from_file_location(path.name.replace(".", "_"), path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_describes_the_nodes():
    pytest.importorskip("launch_ros", reason="`launch` is not on PyPI; this runs where ROS is installed")
    from launch import LaunchContext

    module, two = map(loaded, FILES)
    context = LaunchContext()
    context.launch_configurations.update({name: argument.default for name, argument in module.ARGUMENTS.items()})
    assert len(module._actions(context)) == 5
    assert len(module.generate_launch_description().entities) == len(module.ARGUMENTS) + 1
    assert len(two.generate_launch_description().entities) == len(two.TWO_ARGUMENTS) + 1
    context.launch_configurations.update({name: argument.default for name, argument in two.TWO_ARGUMENTS.items()})
    assert len(two._loops(context)) == 2
