"""M6: a machine that computes other numbers than the one that sealed the weights does not drive."""

import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from gato_ros.cli import seal
from gato_ros.core.errors import SetupError
from gato_ros.models.golden import (
    OBSERVATIONS,
    TOLERANCE_NAT,
    check_golden,
    distance,
    golden_decisions,
    golden_observation,
)
from gato_ros.models.layout import token_layout
from gato_ros.models.parameters import parameter_shapes
from gato_ros.models.policy import GatoPolicy
from gato_ros.models.presets import PRESETS
from gato_ros.models.weights import CONFIG_FILE, load_weights, save_weights

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "models/weights/sawyer_mastery"


@pytest.fixture(scope="module", params=["debug_one_pass", "debug"])
def sealed(request, embodiment, tmp_path_factory):
    """A folder with random weights and their golden decisions."""
    config, folder = PRESETS[request.param], tmp_path_factory.mktemp(request.param)
    rng = np.random.default_rng(0)
    params = jax.tree.map(lambda leaf: 0.3 * rng.standard_normal(leaf.shape, np.float32),
                          parameter_shapes(config, token_layout(embodiment, config)))
    save_weights(folder, params, config, embodiment)
    assert load_weights(folder, embodiment).golden is None
    GatoPolicy.from_directory(folder, embodiment).warm_up()  # nobody asked yet
    seal.run(seal.Options((folder,), golden=True))
    return folder


def test_observations_are_the_contracts_and_never_change(embodiment):
    keys = embodiment.observation_keys
    for number in range(OBSERVATIONS):
        for key, value in golden_observation(embodiment, keys, number).items():
            channel = embodiment.channel(key)
            assert value.shape == channel.shape
            if channel.kind == "continuous":
                assert (value >= np.float32(channel.lower)).all() and (value <= np.float32(channel.upper)).all()
            elif channel.kind == "image":
                assert value.dtype == np.uint8 and value.std() > 50
            else:
                assert 0 <= value[0] < channel.values
    first, second = (golden_observation(embodiment, keys, number) for number in (0, 1))
    assert all((first[key] != second[key]).any() for key in embodiment.image_keys)
    # Numbers that were written down once: weights that are sealed today have to be checked in years.
    assert first["gripper/opening"].tolist() == pytest.approx([0.052205537], abs=1e-9)


def test_the_same_machine_passes_compiles_nothing_more_and_forgets(sealed, embodiment):
    policy = GatoPolicy.from_directory(sealed, embodiment)
    policy.warm_up()
    assert policy.compilations == 1 and policy.ticks == 0
    weights = load_weights(sealed, embodiment)
    assert distance(weights.golden, golden_decisions(policy)) < TOLERANCE_NAT["float32"] / 10
    first = policy._step.steps
    assert first == (1 if policy.config.action_decoding == "one_pass" else 0)


@pytest.mark.parametrize("precision", ["bfloat16_weights", "bfloat16"])
def test_another_precision_lies_within_its_tolerance_and_beyond_that_of_float32(sealed, embodiment, precision):
    policy = GatoPolicy.from_directory(sealed, embodiment, precision=precision)
    policy.warm_up()
    golden, here = load_weights(sealed, embodiment).golden, golden_decisions(policy)
    assert distance(golden, here) < TOLERANCE_NAT[precision]
    with pytest.raises(SetupError, match="on this machine"):
        check_golden(golden, here, "float32")


@pytest.mark.fault("M6")
@pytest.mark.parametrize("what", ["parameters", "tokens", "action", "nan", "patches"])
def test_other_numbers_are_refused(sealed, embodiment, what):
    policy = GatoPolicy.from_directory(sealed, embodiment)
    policy.warm_up()
    golden, here = load_weights(sealed, embodiment).golden, golden_decisions(policy)
    check_golden(golden, here, "float32")
    if what == "parameters":
        # A layer that is a hundredth too strong: what a wrong kernel would do.
        params = {**policy._params, "layers": {**policy._params["layers"], "01": jax.tree.map(
            lambda leaf: 1.01 * leaf, policy._params["layers"]["01"])}}
        here = golden_decisions(GatoPolicy(params, policy.config, embodiment))
    elif what == "tokens":
        here[2]["ids"][-1] += 2
    elif what == "patches":
        here[0]["patches_crc32"] ^= 1
    elif what == "action":
        here[1]["action"][0] += 1e-6
    else:
        here[3]["entropy_nat"][0] = float("nan")
    with pytest.raises(SetupError, match="where these weights were sealed"):
        check_golden(golden, here, "float32")


def test_what_was_sealed_cannot_be_changed_unseen(sealed, embodiment, tmp_path):
    for file in sealed.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = tmp_path / CONFIG_FILE
    config.write_text(config.read_text().replace('"patches_crc32": ', '"patches_crc32": 1', 1))
    with pytest.raises(SetupError, match="seal"):
        load_weights(tmp_path, embodiment)


ALTERED = {
    "a tokeniser's constant": "from gato_ros.models import tokenizer; tokenizer.BINS = 1000",
    "products that lose bits": (
        "import jax.numpy as jnp; from gato_ros.models import precision; plain = precision._matmul; "
        "precision._matmul = lambda rows, kernel: plain(rows.astype(jnp.bfloat16), kernel.astype(jnp.bfloat16))"),
    "actions in another order": (
        "from gato_ros.models import policy; plain = policy.decode_actions; "
        "policy.decode_actions = lambda layout, ids: plain(layout, ids)[::-1]"),
    "nothing": "pass",
}


@pytest.mark.fault("M6")
@pytest.mark.parametrize("what", ALTERED)
def test_a_shipped_policy_in_a_process_that_computes_otherwise_does_not_start(what):
    """As policy_node does it: load, warm up; exit code 2 and one line where it refuses."""
    program = f"""
import sys
from gato_ros.core.errors import SetupError
from gato_ros.embodiments import load_embodiment
{ALTERED[what]}
from gato_ros.models.policy import GatoPolicy
try:
    GatoPolicy.from_directory({str(SHIPPED)!r}, load_embodiment()).warm_up()
except SetupError as error:
    print(error, file=sys.stderr)
    sys.exit(2)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == (0 if what == "nothing" else 2), done.stderr
    assert ("where these weights were sealed" in done.stderr) == (what != "nothing")
