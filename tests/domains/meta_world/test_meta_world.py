"""Meta-World behind the same verbs as the robot's own domain."""

import numpy as np
import pytest

from gato_ros.core.action import Action
from gato_ros.core.errors import SetupError
from gato_ros.core.policy import Policy, RandomPolicy
from gato_ros.core.text import text_from_value
from gato_ros.domains.meta_world.domain import DOMAIN
from gato_ros.domains.meta_world.environment import MetaWorldEnv, expert_of, package_name
from gato_ros.domains.meta_world.tasks import ARM, LONGEST, PLACES, SPEC, STATE, TASK, TASKS, words_of
from gato_ros.domains.registry import load_domain, task_of
from gato_ros.evaluation.foreign.demonstrate import Disturbance, Drive
from gato_ros.evaluation.outcomes import run_episode
from gato_ros.models.layout import token_layout
from gato_ros.models.tokenizer import tokenize
from gato_ros.models.vocabulary import PUBLISHED, known_vocabulary

pytest.importorskip("metaworld", reason="metaworld comes with the domains: pip install gato_ros[domains]")


@pytest.fixture(scope="module")
def environment():
    made = DOMAIN.environment("drawer_open")
    yield made
    made.close()


@pytest.mark.filterwarnings("ignore:.*infinity")
def test_the_environment_passes_gymnasiums_check(environment):
    from gymnasium.utils.env_checker import check_env

    check_env(environment, skip_render_check=True)


def test_every_task_of_the_package_is_one():
    from metaworld.env_dict import ALL_V3_ENVIRONMENTS
    from metaworld.policies import ENV_POLICY_MAP

    assert len(TASKS) == 50 and {package_name(task) for task in TASKS} == set(ALL_V3_ENVIRONMENTS)
    assert all(package_name(task) in ENV_POLICY_MAP for task in TASKS)


def test_a_task_in_words_has_room():
    vocabulary, room = known_vocabulary(PUBLISHED), SPEC.observations[TASK]
    assert max(len(vocabulary.encode(words_of(task))) for task in TASKS) == room.tokens
    assert max(map(len, TASKS)) <= room.size_bytes and len({words_of(task) for task in TASKS}) == 50


def test_a_seed_begins_the_same_episode_again(environment):
    first = environment.reset(seed=7)[0]
    run_episode(environment, RandomPolicy(SPEC.actions), 3)
    again = environment.reset(seed=7)[0]
    anew = MetaWorldEnv("drawer_open").reset(seed=7)[0]
    other = environment.reset(seed=8)[0]
    assert all(np.array_equal(first[key], again[key]) and np.array_equal(first[key], anew[key]) for key in first)
    assert not np.array_equal(first[STATE], other[STATE])
    assert text_from_value(first[TASK]) == "drawer open"


@pytest.mark.parametrize("task", ["reach", "drawer_open", "pick_place", "coffee_button"])
def test_the_expert_succeeds_and_the_episode_ends_there(task):
    made = DOMAIN.environment(task)
    expert = DOMAIN.expert(task, made)
    assert isinstance(expert, Policy)
    outcomes = [run_episode(made, expert, seed) for seed in (900_000, 900_001)]
    assert all(outcome.success and 10 < outcome.steps < 150 for outcome in outcomes)
    made.close()


def test_who_never_succeeds_is_stopped(environment):
    still = Action({ARM: np.zeros(4)})
    environment.reset(seed=0)
    ends = [environment.step_action(still)[1:] for _ in range(LONGEST)]
    assert not any(terminated or truncated for terminated, truncated, _ in ends[:-1])
    assert ends[-1] == (False, True, {"success": False, "failure": "time_limit"})


def test_the_experts_action_is_what_is_carried_out(environment):
    expert, script = DOMAIN.expert("drawer_open", environment), expert_of("drawer_open")
    environment.reset(seed=5)
    for _ in range(40):
        action = expert.act(environment.observe()).action
        np.testing.assert_allclose(action.as_vector(), np.clip(script.get_action(environment.state), -1, 1))
        environment.step_action(action)


def test_the_expert_finds_back_from_noise(environment):
    drive = Drive(DOMAIN.expert("drawer_open", environment), None, 0.0, Disturbance(SPEC.actions, 0.3))
    played = [drive.demonstrate(environment, seed)[0] for seed in range(2)]
    assert all(one.success for one in played)
    assert np.abs(played[0].executed - played[0].labels).mean() > 0.05 and np.abs(played[0].executed).max() <= 1


@pytest.mark.parametrize("task", ["reach", "stick_pull", "handle_pull_side", "soccer"])
def test_what_is_observed_lies_in_its_range(task):
    made, state = DOMAIN.environment(task), SPEC.observations[STATE]
    drive = Drive(DOMAIN.expert(task, made), None, 0.0, Disturbance(SPEC.actions, 0.2))
    seen = drive.demonstrate(made, 1)[0].observations[STATE]
    inside = (seen >= np.array(state.lower)) & (seen <= np.array(state.upper))
    assert seen.shape[1] == len(PLACES) == state.shape[0] and inside.mean() > 0.995
    tokens = tokenize(token_layout(SPEC, DOMAIN.presets["meta_world_small"]), made.observe().values)
    assert len(tokens.ids) == state.shape[0] + SPEC.observations[TASK].tokens
    made.close()


@pytest.mark.parametrize("action", [np.zeros(3), np.full(4, np.nan)])
def test_what_is_no_action_is_refused(environment, action):
    environment.reset(seed=0)
    with pytest.raises(ValueError, match="four finite numbers"):
        environment.step(action)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_picture_is_drawn_or_the_way_to_it_said():
    made = MetaWorldEnv("reach", "rgb_array")
    made.reset(seed=0)
    try:
        picture = made.render()
    except SetupError as error:
        assert "MUJOCO_GL" in str(error)
    else:
        assert picture.dtype == np.uint8 and picture.ndim == 3 and picture.std() > 0
    assert MetaWorldEnv("reach").render() is None


def test_names_that_are_none_are_refused():
    assert load_domain("meta_world") is DOMAIN
    with pytest.raises(SetupError, match="did you mean 'drawer_open'"):
        task_of(DOMAIN, "drawer-open")
