"""`models` and `sim` lie at the checkout's top level: there they are no second module of the same classes."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("statement", ["import {}", "from {} import {}", "import {}.{}", "from {}.{} import *"])
@pytest.mark.parametrize("name, inner", [("models", "segments"), ("sim", "task")])
def test_a_second_name_is_refused_with_one_clear_line(statement, name, inner):
    done = subprocess.run(
        [sys.executable, "-c", statement.format(name, inner)], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    said = f"ImportError: expected `import gato_ros.{name}`; got `import {name}`; write gato_ros. before it"
    assert done.returncode == 1 and done.stderr.splitlines()[-1] == said


def test_the_names_in_the_package_are_one_module_each():
    import gato_ros.models.segments
    import gato_ros.sim.task

    for module in (gato_ros.models.segments, gato_ros.sim.task):
        same = [name for name, one in sys.modules.items() if getattr(one, "__file__", "") == module.__file__]
        assert same == [module.__name__]
