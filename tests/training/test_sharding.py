"""A step on a mesh is the step of a single device, on forced host devices and in two real processes."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
import safetensors.numpy
from jax.sharding import AbstractMesh, PartitionSpec

from gato_ros.core.errors import SetupError
from gato_ros.embodiments import load_embodiment
from gato_ros.embodiments.privileged import contract_for
from gato_ros.models.layout import token_layout
from gato_ros.models.parameters import count_parameters, parameter_shapes
from gato_ros.models.presets import PRESETS
from gato_ros.training.config import TrainingConfig
from gato_ros.training.optimiser import start
from gato_ros.training.sharding import MeshShape, array_sharding, make_mesh, place_batch, state_sharding

PROGRAM = Path(__file__).with_name("sharding_program.py")


def begin(*arguments):
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.Popen(
        [sys.executable, str(PROGRAM), *map(str, arguments)],
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def finish(process):
    out, errors = process.communicate(timeout=400)
    assert process.returncode == 0, errors[-3000:]
    return json.loads(out.splitlines()[-1])


def agrees(differences):
    """Two steps came out the same; parameters without a gradient have moved no further than the rate, 1e-4."""
    apart = dict(differences)
    assert apart.pop("unmoved") < 1e-4 and apart.pop("share_unmoved") < 0.3, differences
    assert max(apart.values()) < 1e-5, differences


@pytest.fixture(scope="module")
def eight(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sharding")
    return folder, finish(begin(folder))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("work", "share", "kinds"),
    [("cloning", 1 / 4, {"loss", "params", "average", "optimiser"}), ("sequences", 1, {"loss", "gradients", "state"})],
)
def test_eight_devices_take_the_step_of_one(eight, work, share, kinds):
    found = eight[1][work]
    assert kinds <= set(found["differences"]) and found["share"] == share
    agrees(found["differences"])


@pytest.mark.slow
def test_the_loop_trains_on_a_mesh_and_goes_on_upon_another(tmp_path):
    whole, parts = begin(tmp_path / "whole", "train", "none", 8), begin(tmp_path / "parts", "train", "fsdp=2", 4)
    assert finish(whole)["steps"] == 8 and finish(parts) == {"stopped": True}
    assert finish(begin(tmp_path / "parts", "train", "data=2", 8))["steps"] == 8
    wanted, found = (
        safetensors.numpy.load_file(tmp_path / name / "last" / "params.safetensors") for name in ("whole", "parts")
    )
    assert set(found) == set(wanted)
    assert max(float(np.abs(found[name] - wanted[name]).max()) for name in wanted) < 1e-5
    steps = [
        json.loads(line)["step"]
        for line in (tmp_path / "parts" / "curves.jsonl").read_text().splitlines()
        if '"train"' in line
    ]
    assert steps == [1, 2, 3, 4, 5, 5, 6, 7, 8]  # step 5 was begun, not kept, and done again


@pytest.mark.slow
def test_two_processes_take_the_step_of_one_and_share_a_checkpoint(eight):
    with socket.socket() as free:
        free.bind(("localhost", 0))
        coordinator = f"localhost:{free.getsockname()[1]}"
    processes = [begin(eight[0], i, coordinator) for i in range(2)]
    for found in map(finish, processes):
        assert (found["processes"], found["devices"]) == (2, 2)
        agrees(found["differences"])
        assert found["checkpoint"] == 0

    def __new__(cls, **shape):
        return AbstractMesh(tuple(shape.values()), tuple(shape))


@pytest.mark.parametrize("name", PRESETS)
def test_the_rules_split_every_preset(name):
    """The whole training state by `eval_shape`: eight devices hold little more than an eighth each."""
    model, mesh = PRESETS[name], AbstractMesh((2, 8), ("data", "fsdp"))
    layout = token_layout(contract_for(load_embodiment(), model.observation_keys).spec, model)
    params = parameter_shapes(model, layout)
    state = jax.eval_shape(lambda params: start(TrainingConfig(), params), params)
    each = sum(
        count_parameters([jax.ShapeDtypeStruct(sharding.shard_shape(leaf.shape), leaf.dtype)])
        for leaf, sharding in zip(jax.tree.leaves(state), jax.tree.leaves(state_sharding(state, mesh)))
    )
    assert count_parameters(state) >= 4 * count_parameters(params)
    assert each <= count_parameters(state) * (0.13 if model.width >= 512 else 0.4)


def test_the_longest_axis_that_divides_is_split():
    mesh = AbstractMesh((1, 4), ("data", "fsdp"))
    for shape, spec in {
        (64, 256): (None, "fsdp"),
        (258, 64): (None, "fsdp"),
        (128, 128): (None, "fsdp"),
        (8192,): ("fsdp",),
        (3, 3, 64, 64): (None, None, None, "fsdp"),
        (64,): (),
        (4098, 6): (),
        (): (),
    }.items():
        assert array_sharding(jax.ShapeDtypeStruct(shape, "float32"), mesh).spec == PartitionSpec(*spec), shape


@pytest.mark.parametrize("text", ["", "data", "data=0", "rows=2", "data=two", "data=2;fsdp=2"])
def test_a_mesh_that_is_none_is_refused(text):
    with pytest.raises(SetupError, match="data=4,fsdp=2"):
        MeshShape.parse(text)


def test_a_mesh_of_another_number_of_devices_is_refused():
    assert MeshShape.parse("fsdp=3,data=2") == MeshShape(data=2, fsdp=3)
    with pytest.raises(SetupError, match="the devices there are"):
        make_mesh(MeshShape(data=64))


def test_a_batch_that_the_devices_do_not_divide_is_refused():
    with pytest.raises(SetupError, match="training.batch"):
        place_batch(jax.numpy.zeros((3, 2)), AbstractMesh((2,), ("data",)))
