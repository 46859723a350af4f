"""What the policy sees live is what a recording gives back, down to the token."""

import numpy as np
import pytest

from gato_ros.core.arm_action import ArmAction
from gato_ros.data.checks.verification import verify_episode
from gato_ros.data.episodes.episode import EpisodeWriter, read_episode
from gato_ros.models.layout import token_layout
from gato_ros.models.presets import PRESETS
from gato_ros.models.tokenizer import tokenize, tokenize_actions
from gato_ros.sim.env import PRIVILEGED_KEYS, RgbStackingEnv

TICKS = 8


@pytest.fixture(scope="module")
def live_and_recorded(tmp_path_factory):
    environment = RgbStackingEnv("triplet3", privileged=PRIVILEGED_KEYS)
    environment.reset(seed=4)
    live, actions = [], []
    random = np.random.default_rng(0)
    with EpisodeWriter(tmp_path_factory.mktemp("episodes"), "one", environment.embodiment, {}) as writer:
        for tick in range(TICKS):
            live.append(environment.observe(images=tick % 2 == 0))
            actions.append(ArmAction(random.uniform(-0.07, 0.07, 4), 0.085 * (tick % 2)))
            writer.add(tick, live[-1], actions[-1], actions[-1])
            environment.step_action(actions[-1])
        path = writer.close({})
    environment.close()
    assert verify_episode(path) == []
    return environment.embodiment, live, actions, read_episode(path)


def test_values_are_the_same_bytes(live_and_recorded):
    embodiment, live, _, episode = live_and_recorded
    np.testing.assert_array_equal(episode.image_steps, range(0, TICKS, 2))
    for key in embodiment.observation_keys:
        rows = episode.image_steps if key in embodiment.image_keys else range(TICKS)
        assert episode.values[key].tobytes() == np.stack([live[row].values[key] for row in rows]).tobytes(), key
    for key in PRIVILEGED_KEYS:
        assert episode.privileged[key].tobytes() == np.stack([one.privileged[key] for one in live]).tobytes(), key
    np.testing.assert_allclose(episode.stamps_s, [one.stamp_s for one in live], atol=1e-9)


@pytest.mark.parametrize("preset", ["gato_79m", "sawyer_small", "debug"])
def test_tokens_are_the_same(live_and_recorded, preset):
    embodiment, live, actions, episode = live_and_recorded
    layout = token_layout(embodiment.spec, PRESETS[preset])
    images = episode.image_steps
    recorded = tokenize(
        layout, {key: value if key in embodiment.image_keys else value[images] for key, value in episode.values.items()}
    )
    for row, tick in enumerate(images):
        seen = tokenize(layout, live[tick].values)
        np.testing.assert_array_equal(np.asarray(seen.ids), np.asarray(recorded.ids)[row])
        np.testing.assert_array_equal(np.asarray(seen.patches), np.asarray(recorded.patches)[row])
    proposed = np.stack([action.as_vector() for action in actions])
    np.testing.assert_array_equal(
        tokenize_actions(layout, episode.actions), tokenize_actions(layout, np.float32(proposed))
    )
