"""Several arms over the same basket: one set of weights learns from all, and is asked for any of them."""

from dataclasses import replace
from functools import partial

import jax
import pytest

from gato_ros.core.errors import SetupError
from gato_ros.domains.registry import tasks_of
from gato_ros.domains.rgb_stacking.domain import DOMAIN, OBJECTS
from gato_ros.embodiments import load_embodiment
from gato_ros.evaluation.evaluate import evaluate_policy
from gato_ros.evaluation.foreign.policies import make_policy
from gato_ros.evaluation.settings import Evaluation
from gato_ros.evaluation.training_run.mixture import read_mixture
from gato_ros.models.layout import token_layout
from gato_ros.models.parameters import init
from gato_ros.models.presets import PRESETS
from gato_ros.models.weights import contract_names, load_weights, save_weights, weights_config
from gato_ros.sim import env as stacking
from tests.data.recordings import write

ARMS = {"sawyer": "cubes", "panda": "panda/cubes", "ur5e": "ur5e/cubes", "so101": "so101/cubes"}
"""Arm -> its task."""
CAMERAS = {"so101": "front/pixels"}
"""Of the arms that have other ones than the Sawyer."""
PART = """
  {arm}:
    domain: rgb_stacking
    embodiment: {arm}_rgb_stacking_told
    data: [{data}]
    observe: [{camera}, gripper/grasp, gripper/opening, {arm}/pinch/pose, task/text]
    batch: 1
    length: 3
    legal_only: true
    return_share: 0.0
    prompt_share: 0.0
"""


@pytest.fixture(scope="module")
def mixture(tmp_path_factory):
    """Two episodes of each arm, and what is to be learned from them."""
    folder = tmp_path_factory.mktemp("arms")
    text = "model: tiny_generalist\nsteps: 2\nwarmup_steps: 1\nparts:"
    for arm in ARMS:
        for number in range(2):
            write(folder / arm, str(number), robot=load_embodiment(f"{arm}_rgb_stacking_told"))
        text += PART.format(arm=arm, data=folder / arm, camera=CAMERAS.get(arm, "basket_front_left/pixels"))
    (folder / "mixture.yaml").write_text(text)
    small = {"layers": 2, "width": 16, "heads": 1, "head_size": 16, "feed_forward": 32, "context_tokens": 100}
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(PRESETS, "tiny_generalist", replace(PRESETS["gato_generalist"], **small))
        plan = read_mixture(folder / "mixture.yaml")
        yield plan, plan.model()


@pytest.fixture(scope="module")
def weights(mixture, tmp_path_factory):
    """Fresh ones, saved as those of a training on both arms are."""
    (plan, model), folder = mixture, tmp_path_factory.mktemp("weights")
    first, *others = (part.contracts()[0] for part in plan.parts)
    params = init(jax.random.key(0), model, token_layout(first.spec, model))
    save_weights(folder, params, model, first, others=others)
    return str(folder)


def test_the_other_arm_counts_where_it_is_named():
    assert tasks_of(DOMAIN, "all") == tuple(OBJECTS)
    assert tasks_of(DOMAIN, "panda/all") == tuple(f"panda/{task}" for task in OBJECTS)
    assert tasks_of(DOMAIN, "cubes,panda/blue_on_green,panda/all")[:3] == (
        "cubes",
        "panda/blue_on_green",
        "panda/cubes",
    )
    assert len(tasks_of(DOMAIN, "all,panda/all")) == 2 * len(OBJECTS)
    for unknown, words in (("panda/cube", "did you mean 'panda/cubes'"), ("pandas/all", "got 'pandas/all'")):
        with pytest.raises(SetupError, match=words):
            tasks_of(DOMAIN, unknown)


def test_the_arms_have_specs_of_their_own():
    contracts = {arm: DOMAIN.contract(task) for arm, task in ARMS.items()}
    assert [contract.name for contract in contracts.values()] == [f"{arm}_rgb_stacking_told" for arm in ARMS]
    for arm, contract in contracts.items():
        shown = [other for other in ARMS if f"{other}/pinch/pose" in contract.spec.observations]
        assert shown == [arm]
    assert len({contract.spec.digest for contract in contracts.values()}) == len(ARMS)


def test_a_mixture_learns_from_all_arms(mixture):
    plan, model = mixture
    objective, counts = plan.objective(model)
    assert list(counts.values()) == [24] * len(ARMS)
    assert {f"{arm}/pinch/pose" for arm in ARMS} < set(model.observation_keys)
    assert objective.frames_per_step == len(ARMS) * 3  # one sequence of three steps of each
    sawyer, panda, ur5e, so101 = (part.sequences.layout for part in objective.parts)
    assert sawyer.step_tokens == panda.step_tokens and sawyer != panda
    assert ur5e.step_tokens == sawyer.step_tokens + 2  # two more components of its twist
    assert so101.actions == 5 + 1  # its joints, and its jaw
    for part in objective.parts:
        assert part.sequences.batch_of_step(0, 0).tokens.ids.shape[:2] == (1, 3)


def test_one_set_of_weights_knows_all_arms(weights):
    assert contract_names(weights) == tuple(f"{arm}_rgb_stacking_told" for arm in ARMS)
    for arm, task in ARMS.items():
        contract, config = DOMAIN.contract(task), weights_config(weights)
        keys = [item.key for item in token_layout(contract.spec, config).items]
        assert f"{arm}/pinch/pose" in keys and not any(f"{other}/pinch/pose" in keys for other in ARMS if other != arm)
        assert load_weights(weights, contract).config == config


def test_all_arms_are_evaluated_by_one_command(weights, played_here, monkeypatch):
    monkeypatch.setattr(stacking, "RgbStackingEnv", partial(stacking.RgbStackingEnv, max_steps=3))
    options = {"domain": "rgb_stacking", "tasks": ",".join(ARMS.values()), "episodes": 1, "workers": 1, "quiet": True}
    result = evaluate_policy(Evaluation(weights, **options))
    rows = result["domains"]["rgb_stacking"]["tasks"]
    assert list(rows) == list(ARMS.values()) and all(row["episodes"] == 1 for row in rows.values())


def test_weights_of_one_arm_are_refused_for_the_other():
    with pytest.raises(SetupError, match="panda_rgb_stacking_told"):
        make_policy(DOMAIN, "panda/cubes", "sawyer_mastery")
