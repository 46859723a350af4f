"""What pip and colcon install: every module, every data file, and programs that `ros2 run` finds."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[2]
NODES = {
    "console_node",
    "driver_node",
    "guard_node",
    "incident_node",
    "lifecycle_manager",
    "policy_node",
    "recorder_node",
    "sim_node",
    "teleop_node",
    "view_node",
}
PARTS = (
    "gato_ros",
    "models",
    "sim",
    "launch",
    "resource",
    "scripts",
    "setup.py",
    "setup.cfg",
    "package.xml",
    "README.md",
    "pyproject.toml",
)


ONLY_IN_THE_REPOSITORY = ("gato_ros/bench/guard/", "gato_ros/bench/peers/")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A copy of the source, so that building leaves nothing in the checkout."""
    folder = tmp_path_factory.mktemp("source")
    for part in PARTS:
        here = ROOT / part
        if here.is_dir():
            shutil.copytree(here, folder / part, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        elif here.exists():
            shutil.copy(here, folder / part)
    return folder


def run(*command, cwd):
    done = subprocess.run([sys.executable, *command], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done


def package_files() -> set[str]:
    """Every file that must be installed, as a path inside the package."""
    found = set()
    for folder, _, names in os.walk(ROOT / "gato_ros", followlinks=True):
        for name in names:
            path = Path(folder, name).relative_to(ROOT)
            if "__pycache__" not in path.parts and not f"{path}".startswith(ONLY_IN_THE_REPOSITORY) and name[0] != ".":
                found.add(str(path))
    return found


def test_the_walk_sees_through_the_symlinks():
    assert {"gato_ros/sim/objects.py", "gato_ros/models/__init__.py"} <= package_files()


@pytest.fixture(scope="module")
def wheel(source, tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    run("-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(folder), str(source), cwd=folder)
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def test_the_wheel_holds_every_file_of_the_package(wheel):
    assert package_files() - set(wheel.namelist()) == set()


def test_the_wheel_holds_no_test_no_peer_and_no_evidence(wheel):
    names = wheel.namelist()
    assert [name for name in names if name.startswith(ONLY_IN_THE_REPOSITORY)] == []
    assert [name for name in names if "tests" in Path(name).parts or Path(name).name.startswith("test_")] == []


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A folder with what the wheel installs, to run Python in."""
    folder = tmp_path_factory.mktemp("installed")
    wheel.extractall(folder)
    return folder


@pytest.mark.parametrize("verb", ["guard fuzz --help", "faults", "bench guard-peers --help"])
def test_an_installed_package_says_what_it_leaves_out(installed, verb):
    command = [sys.executable, "-m", "gato_ros", *verb.split()]
    done = subprocess.run(command, cwd=installed, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "") and done.stderr.count("\n") == 1, done.stderr
    assert "expected a checkout of the repository" in done.stderr and "clone the repository" in done.stderr


def test_an_installed_package_keeps_its_benchmarks(installed):
    done = run("-m", "gato_ros", "bench", "--help", cwd=installed)
    assert "record-kill" in done.stdout and "peers" not in done.stdout


def test_the_wheel_holds_what_ros_looks_for(wheel):
    shared = {name.split(".data/data/", 1)[1] for name in wheel.namelist() if ".data/data/" in name}
    launch = {f"share/gato_ros/launch/{path.name}" for path in ROOT.glob("launch/*.launch.py")}
    parameters = {f"share/gato_ros/launch/params/{path.name}" for path in ROOT.glob("launch/params/*.yaml")}
    viewers = {
        f"share/gato_ros/launch/{path.parent.name}/{path.name}"
        for path in (*ROOT.glob("launch/rviz/*.rviz"), *ROOT.glob("launch/foxglove/*.json"))
    }
    assert launch and parameters and len(viewers) == 2
    index = "share/ament_index/resource_index/packages/gato_ros"
    programs = {f"lib/gato_ros/{name}" for name in NODES}
    assert {index, "share/gato_ros/package.xml"} | launch | parameters | viewers | programs <= shared
    for info in wheel.infolist():
        if "/lib/gato_ros/" in info.filename:
            assert info.external_attr >> 16 & 0o111, f"{info.filename} is not executable"


def test_nothing_lands_beside_the_package(wheel):
    tops = {name.split("/", 1)[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.startswith("gato_ros")} == set(), "models and sim must stay inside gato_ros"


def test_the_way_colcon_installs_puts_programs_and_shares_in_place(source, tmp_path):
    """colcon's ament_python build runs `setup.py build install` with a prefix and a record."""
    prefix = tmp_path / "install"
    run(
        "setup.py",
        "-q",
        "egg_info",
        "--egg-base",
        str(tmp_path),
        "build",
        "--build-base",
        str(tmp_path / "build"),
        "install",
        "--prefix",
        str(prefix),
        "--record",
        str(tmp_path / "record.txt"),
        "--single-version-externally-managed",
        cwd=source,
    )
    assert {path.name for path in (prefix / "lib/gato_ros").iterdir()} == NODES
    assert all(os.access(path, os.X_OK) for path in (prefix / "lib/gato_ros").iterdir())
    assert (prefix / "share/ament_index/resource_index/packages/gato_ros").exists()
    (site,) = prefix.glob("lib/python*/site-packages")
    assert package_files() - {str(path.relative_to(site)) for path in site.rglob("*")} == set()


def test_each_program_is_a_module_with_a_main():
    for name in NODES:
        text = (ROOT / "gato_ros/nodes" / f"{name}.py").read_text()
        assert re.search(r"^def main\(", text, re.MULTILINE), name


def test_package_xml_is_a_valid_ament_python_description():
    package = ElementTree.parse(ROOT / "package.xml").getroot()
    assert package.get("format") == "3" and package.findtext("name") == "gato_ros"
    assert package.findtext("export/build_type") == "ament_python"
    assert package.findtext("license") == "Apache-2.0"
    # colcon takes a package with a malformed address for plain Python, without a word.
    address = package.find("maintainer").get("email")
    assert re.fullmatch(r"[-\w.%+]+@[-\w%]+(\.[-\w%]+)*\.[a-zA-Z]{2,}", address)
    needed = {
        "rclpy",
        "python3-opencv",
        "python3-numpy",
        "sensor_msgs",
        "geometry_msgs",
        "std_msgs",
        "std_srvs",
        "diagnostic_msgs",
        "rosgraph_msgs",
    }
    assert needed <= {one.text for one in package.findall("exec_depend")}


def test_the_version_is_the_same_everywhere():
    import gato_ros

    assert ElementTree.parse(ROOT / "package.xml").getroot().findtext("version") == gato_ros.__version__
    assert run("setup.py", "--version", cwd=ROOT).stdout.split()[-1] == gato_ros.__version__
    assert f"\nversion: {gato_ros.__version__}\n" in (ROOT / "CITATION.cff").read_text()
    assert gato_ros.__version__ in (ROOT / "CHANGELOG.md").read_text()


def _pins(name: str) -> dict[str, str]:
    lines = (ROOT / "requirements" / name).read_text().splitlines()
    pairs = (line.split("==") for line in lines if line and line[0] not in "#-")
    pins = {package.lower().replace("_", "-"): version for package, version in pairs}
    for included in (line.split()[1] for line in lines if line.startswith("-r ")):
        pins |= _pins(included)
    return pins


def test_every_requirement_is_pinned_and_agrees_with_the_constraints():
    constraints = _pins("constraints.txt")
    for name in ("runtime", "sim", "ros", "dev", "text", "export", "domains", "atari", "remote", "mujoco"):
        for package, version in _pins(f"{name}.txt").items():
            assert constraints.get(package) == version, f"{package} in {name}.txt"


def test_the_jazzy_set_is_the_same_packages_on_numpy_1():
    constraints = _pins("jazzy_constraints.txt")
    for name in ("jazzy.txt", "sim.txt", "jazzy_ros.txt", "jazzy_export.txt", "dev.txt", "remote.txt"):
        for package, version in _pins(name).items():
            assert constraints.get(package) == version, f"{package} in {name}"
    for ours, theirs in (("runtime.txt", "jazzy.txt"), ("export.txt", "jazzy_export.txt")):
        assert set(_pins(ours)) == set(_pins(theirs))
    older = {package for package, version in _pins("jazzy.txt").items() if _pins("runtime.txt")[package] != version}
    assert older == {"numpy", "jax", "flax", "orbax-checkpoint", "pin", "opencv-python-headless"}
    assert {package.replace("ros-jazzy-", "ros-") for package in _pins("jazzy_ros.txt")} == set(_pins("ros.txt"))


def test_the_container_names_what_there_is():
    text = (ROOT / "launch/docker/Dockerfile").read_text()
    launched, named = re.findall(r"\w+\.launch\.py", text), re.findall(r"requirements/\w+\.txt", text)
    assert launched and named and "models/weights/sawyer_mastery" in text
    assert [path for path in (*(f"launch/{name}" for name in launched), *named) if not (ROOT / path).is_file()] == []


def test_what_setup_asks_for_is_what_is_pinned(source):
    done = run("setup.py", "--quiet", "egg_info", cwd=source)
    assert done.stdout is not None
    (requires,) = source.glob("*.egg-info/requires.txt")
    required = {
        re.split(r"[><=]", line)[0].lower().replace("_", "-")
        for line in requires.read_text().splitlines()
        if line and not line.startswith("[")
    }
    pinned = set().union(
        *(
            _pins(f"{name}.txt")
            for name in (
                "runtime",
                "sim",
                "text",
                "export",
                "rerun",
                "dev",
                "domains",
                "atari",
                "ray",
                "remote",
                "mujoco",
            )
        )
    )
    assert required - {"setuptools"} - pinned == set()
