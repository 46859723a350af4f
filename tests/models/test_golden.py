"""M6: a machine that computes other numbers than the one that recorded the decisions does not drive."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gato_ros.cli import seal
from gato_ros.core.errors import SetupError
from gato_ros.models import tokenizer
from gato_ros.models.layout import token_layout
from gato_ros.models.parameters import parameter_shapes
from gato_ros.models.presets import PRESETS
from gato_ros.models.serving import policy as policy_module
from gato_ros.models.serving import precision
from gato_ros.models.serving.policy import GatoPolicy
from gato_ros.models.serving.reference_decisions import (
    CONTRACT,
    OBSERVATIONS,
    TOLERANCE_NAT,
    check_golden,
    check_machine,
    distance,
    golden_decisions,
    golden_observation,
)
from gato_ros.models.weights import CONFIG_FILE, load_weights, save_weights

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "models/weights/sawyer_mastery"


@pytest.fixture(scope="module", params=["debug_one_pass", "debug"])
def recorded(request, embodiment, tmp_path_factory):
    """A folder with random weights and their golden decisions."""
    return made_and_recorded(PRESETS[request.param], tmp_path_factory.mktemp(request.param), embodiment)


def made_and_recorded(config, folder, embodiment):
    rng = np.random.default_rng(0)
    params = jax.tree.map(
        lambda leaf: 0.3 * rng.standard_normal(leaf.shape, np.float32),
        parameter_shapes(config, token_layout(embodiment.spec, config)),
    )
    save_weights(folder, params, config, embodiment)
    assert load_weights(folder, embodiment).golden is None  # none recorded yet
    seal.run(seal.Options((folder,), golden=True))
    return folder


@pytest.fixture(scope="module")
def policy(recorded, embodiment):
    made = GatoPolicy.from_directory(recorded, embodiment)
    made.warm_up()
    return made


def test_observations_are_the_contracts_and_never_change(embodiment):
    keys = embodiment.observation_keys
    for number in range(OBSERVATIONS):
        for key, value in golden_observation(embodiment.spec, keys, number).items():
            channel = embodiment.channel(key)
            assert value.shape == channel.shape
            if channel.kind == "continuous":
                assert (value >= np.float32(channel.lower)).all() and (value <= np.float32(channel.upper)).all()
            elif channel.kind == "image":
                assert value.dtype == np.uint8 and value.std() > 50
            else:
                assert 0 <= value[0] < channel.values
    first, second = (golden_observation(embodiment.spec, keys, number) for number in (0, 1))
    assert all((first[key] != second[key]).any() for key in embodiment.image_keys)
    # Numbers that were written down once: decisions that are recorded today have to be checked in years.
    assert first["gripper/opening"].tolist() == pytest.approx([0.052205537], abs=1e-9)


def test_the_same_machine_passes_compiles_nothing_more_and_forgets(recorded, policy, embodiment):
    assert policy.compilations == 1 and policy.ticks == 0
    assert policy._step.steps == (1 if policy.config.action_decoding == "one_pass" else 0)
    golden = load_weights(recorded, embodiment).golden
    assert distance(golden, golden_decisions(policy)) < TOLERANCE_NAT["float32"] / 10


def test_another_precision_is_not_that_of_float32(recorded, embodiment):
    """Random weights are larger than trained ones: how far bfloat16 lies away is measured on the shipped policies."""
    here = golden_decisions(GatoPolicy.from_directory(recorded, embodiment, precision="bfloat16"))
    with pytest.raises(SetupError, match="on this machine"):
        check_golden(load_weights(recorded, embodiment).golden, here, "float32")


@pytest.fixture(scope="module", params=[("debug_one_pass", 0.5), ("debug", 3.0)], ids=str)
def drawing(request, embodiment, tmp_path_factory):
    """A folder with weights that draw their actions, with golden decisions, and a policy that has passed its check."""
    preset, temperature = request.param
    config = replace(PRESETS[preset], temperature=temperature)
    folder = made_and_recorded(config, tmp_path_factory.mktemp("drawing"), embodiment)
    policy = GatoPolicy.from_directory(folder, embodiment, seed=7)
    policy.warm_up()
    return folder, policy


def test_drawing_at_a_temperature_passes_the_golden_check(drawing, embodiment):
    folder, policy = drawing
    golden = load_weights(folder, embodiment).golden
    policy.ticks = 12345
    policy.warm_up()
    assert policy.compilations == 1 and policy.ticks == 12345
    assert distance(golden, golden_decisions(policy)) < TOLERANCE_NAT["float32"] / 10
    # It draws all the same, with the very step that was checked.
    policy.reset()
    tokens = tokenizer.tokenize(policy.layout, golden_observation(embodiment.spec, policy.observation_keys, 0))
    drawn = [policy.act_on_tokens(tokens).trace.ids.tolist() for _ in range(4)]
    assert len({tuple(ids) for ids in drawn}) > 1 and policy.compilations == 1


@pytest.mark.fault("M6")
def test_drawing_does_not_hide_damaged_weights(drawing, monkeypatch):
    policy = drawing[1]
    a_stronger_layer(monkeypatch, policy, "01")
    with pytest.raises(SetupError, match="as recorded with these weights"):
        policy.warm_up()
    monkeypatch.undo()
    policy.warm_up()


def test_a_temperature_set_later_passes(recorded, embodiment, tmp_path):
    for file in recorded.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = tmp_path / CONFIG_FILE
    config.write_text(config.read_text().replace('"temperature": 0.0', '"temperature": 0.7'))
    seal.run(seal.Options((tmp_path,)))
    policy = GatoPolicy.from_directory(tmp_path, embodiment)
    assert policy.config.temperature == 0.7
    policy.warm_up()


@pytest.mark.fault("M6")
def test_golden_ids_alone_are_those_of_the_likeliest_bins(recorded, policy, embodiment):
    only = ("patches_crc32", "ids", "action_ids")
    golden = [{key: one[key] for key in only} for one in load_weights(recorded, embodiment).golden]
    here = golden_decisions(policy)
    check_golden(golden, here, "float32")
    golden[1]["action_ids"][2] += 1
    assert here[1]["logit_margin"][2] > 2 * TOLERANCE_NAT["float32"], "an action that is clear"
    with pytest.raises(SetupError, match="the actions' tokens of observation 1"):
        check_golden(golden, here, "float32")


@pytest.mark.fault("M6")
@pytest.mark.parametrize("what", ["tokens", "action", "nan", "patches", "entropy"])
def test_other_numbers_are_refused(recorded, policy, embodiment, what):
    golden, here = load_weights(recorded, embodiment).golden, golden_decisions(policy)
    check_golden(golden, here, "float32")
    if what == "tokens":
        here[2]["ids"][-1] += 2
    elif what == "patches":
        here[0]["patches_crc32"] ^= 1
    elif what == "action":
        here[1]["action"][0] += 1e-6
    elif what == "entropy":
        here[3]["entropy_nat"][0] += 2 * TOLERANCE_NAT["float32"]
    else:
        here[3]["entropy_nat"][0] = float("nan")
    with pytest.raises(SetupError, match="as recorded with these weights"):
        check_golden(golden, here, "float32")


def test_only_what_was_recorded_for_this_contract_is_compared(recorded, policy, embodiment):
    golden = load_weights(recorded, embodiment).golden
    golden[2]["ids"][-1] += 2
    of = lambda name: [{**one, CONTRACT: name} for one in golden]  # noqa: E731
    check_machine(policy, of("another_robot"), "float32")
    with pytest.raises(SetupError, match="the tokens of observation 2"):
        check_machine(policy, of("another_robot") + of(embodiment.name), "float32")


def test_a_changed_record_is_refused(recorded, embodiment, tmp_path):
    for file in recorded.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = tmp_path / CONFIG_FILE
    config.write_text(config.read_text().replace('"patches_crc32": ', '"patches_crc32": 1', 1))
    with pytest.raises(SetupError, match="seal"):
        load_weights(tmp_path, embodiment)


@pytest.fixture(scope="module")
def shipped(embodiment):
    """The default policy, checked as policy_node does it before it proposes anything."""
    made = GatoPolicy.from_directory(SHIPPED, embodiment)
    made.warm_up()
    assert made._golden, "python -m gato_ros seal --golden models/weights/*"
    return made


def other_products(monkeypatch, shipped):
    """Products that lose bits, as a driver's fast mode would."""
    plain = precision._matmul
    monkeypatch.setattr(
        precision,
        "_matmul",
        lambda rows, kernel: plain(
            rows.astype(jnp.float8_e4m3fn).astype(jnp.float32), kernel.astype(jnp.float8_e4m3fn).astype(jnp.float32)
        ),
    )
    shipped._step._compiled = None


def a_stronger_layer(monkeypatch, shipped, name="02"):
    """A hundredth too much in one layer: what a wrong kernel does."""
    params, layers = shipped._step._params, shipped._step._params["layers"]
    monkeypatch.setattr(
        shipped._step,
        "_params",
        {**params, "layers": {**layers, name: jax.tree.map(lambda leaf: 1.01 * leaf, layers[name])}},
    )


ALTERED = {
    "products that lose bits": other_products,
    "a layer that is too strong": a_stronger_layer,
    "another number of bins": lambda monkeypatch, _: monkeypatch.setattr(tokenizer, "BINS", 1000),
    "other edges of the bins": lambda monkeypatch, _: monkeypatch.setattr(
        tokenizer, "to_unit", lambda x, lower, upper: 0.98 * TO_UNIT(x, lower, upper)
    ),
    "actions in another order": lambda monkeypatch, _: monkeypatch.setattr(
        policy_module, "decode_actions", lambda layout, ids: tokenizer.decode_actions(layout, ids)[::-1]
    ),
}
TO_UNIT = tokenizer.to_unit


@pytest.mark.fault("M6")
@pytest.mark.parametrize("what", ALTERED)
def test_a_shipped_policy_does_not_start_where_anything_computes_otherwise(shipped, monkeypatch, what):
    compiled = shipped._step._compiled
    ALTERED[what](monkeypatch, shipped)
    try:
        with pytest.raises(SetupError, match="as recorded with these weights"):
            shipped.warm_up()
    finally:
        shipped._step._compiled = compiled
    monkeypatch.undo()
    shipped.warm_up()


@pytest.mark.fault("M6")
def test_a_node_whose_machine_computes_otherwise_ends_with_one_line(tmp_path):
    """The real thing in a process of its own, with a tokeniser of 1000 bins."""
    program = f"""
import sys
from gato_ros.models import tokenizer
tokenizer.BINS = 1000
from gato_ros.nodes import policy_node
sys.argv += ["--ros-args", "-p", 'policy:="{SHIPPED}"']
sys.exit(policy_node.main())
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("policy_node: expected") == 1 and "as recorded with these weights" in done.stderr
