"""No file that this package reads can run code: a search of the whole source, and files that try."""

import ast
from pathlib import Path

import pytest

from gato_ros.core.errors import SetupError
from gato_ros.embodiments import load_embodiment
from gato_ros.nodes.runtime.parameters import GuardParameters, check_parameter_file

ROOT = Path(__file__).resolve().parents[2]
MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
CALLS = {
    "eval",
    "exec",
    "compile",
    "__import__",
    "os.system",
    "os.popen",
    "yaml.load",
    "yaml.load_all",
    "yaml.unsafe_load",
    "yaml.full_load",
    "np.load",
    "torch.load",
}

TOOLS = {
    # Compiles changed copies of this tree's own source; it refuses to run outside of a clone.
    "gato_ros/bench/guard/mutants.py": {"compile", "exec"},
    # Runs one function of an installed peer, in the peer's own environment.
    "gato_ros/bench/peers/guard_peers_program.py": {"compile", "exec"},
}
"""Development tools that run code on purpose; none of them takes it from data."""


def dangers(source: str) -> list[str]:
    """Imports and calls in a source text that can turn data into code."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.split(".")[0] in MODULES]
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in MODULES:
            found.append(node.module)
        elif isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            keywords = {item.arg: ast.unparse(item.value) for item in node.keywords}
            if name in CALLS and not (name == "np.load" and keywords.get("allow_pickle", "False") == "False"):
                found.append(name)
            if keywords.get("shell") == "True":
                found.append(f"{name}(shell=True)")
    return found


@pytest.mark.fault("K4", "F2")
def test_no_source_file_can_turn_data_into_code():
    sources = [
        path
        for folder in ("gato_ros", "models", "sim", "launch", "scripts")
        for path in (ROOT / folder).rglob("*")
        if path.suffix == ".py" or folder == "scripts"
    ]
    assert len(sources) > 100
    found = {str(path.relative_to(ROOT)): set(dangers(path.read_text())) for path in sources}
    assert {path: names for path, names in found.items() if names} == TOOLS


@pytest.mark.fault("K4")
@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from marshal import loads",
        "torch.load(f)",
        "eval(text)",
        "import yaml\nyaml.load(f)",
        "np.load(f, allow_pickle=True)",
        "subprocess.run(command, shell=True)",
    ],
)
def test_the_search_finds_what_it_looks_for(source):
    assert dangers(source)


@pytest.mark.fault("K4")
def test_yaml_that_names_a_python_object_runs_nothing(tmp_path):
    trap, mark = tmp_path / "trap.yaml", tmp_path / "ran"
    trap.write_text(f"!!python/object/apply:pathlib.Path.touch [!!python/object/apply:pathlib.Path ['{mark}']]\n")
    with pytest.raises(SetupError):
        load_embodiment(trap)
    with pytest.raises(SetupError):
        check_parameter_file(trap, {"guard_node": GuardParameters})
    assert not mark.exists()
