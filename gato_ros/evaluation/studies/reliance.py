"""What a policy's action relies on: pictures, proprioception, or what it did before.

A clone that remembers its own actions can repeat the last one and look good on recordings: what comes next in them
is nearly what came before (de Haan et al. 2019, causal confusion). On a robot it goes on with its own mistakes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gato_ros.core.bounds import Count, Seed, check_bounds
from gato_ros.core.errors import SetupError

if TYPE_CHECKING:
    from gato_ros.data.episodes.stream import EpisodeStream
    from gato_ros.models.serving.policy import GatoPolicy
    from gato_ros.models.tokenizer import StepTokens

NOW, BEFORE = ("pictures", "sensors"), ("past_pictures", "past_actions")
"""What is taken from another episode, of this step and of the steps that are remembered."""


@dataclass(frozen=True)
class Reliance:
    """Which weights, and on what."""

    policy: str
    """Weights: a folder or a shipped name."""
    data: Path
    """Folder of episodes with pictures at every step (`collect --image-share 1`), best ones that it has not learned."""
    embodiment: str | None = None
    """Name or path of the contract that they were recorded with; default: that of the weights."""
    episodes: Count = 20
    """The first so many of the folder."""
    samples: Count = 200
    """Steps of them that are looked at."""
    seed: Seed = 0
    """Draws the steps, and what they are given in place of their own."""


@dataclass(frozen=True)
class _Tokens:
    """One episode as the policy reads it."""

    steps: list[StepTokens]
    done: list[np.ndarray]
    """Ids of what was carried out."""
    labels: np.ndarray
    """[steps actions]"""
    label_ids: list[np.ndarray]


def study_reliance(study: Reliance) -> dict[str, Any]:
    """How much the action of a step changes where one part of what the policy knows is another episode's.

    Returns:
        `conditions`: `none`, and what was exchanged -> `nat` (mean divergence from what the policy says with nothing
        exchanged; with `nat_error`, the mean's standard error), `change` of the likeliest action and its `error`
        against the label, by dimension in its unit; `share_of_range`, `change` and `error` as means over the dimensions
        in shares of their range.

    Raises:
        SetupError: no such weights; fewer than two usable episodes; episodes without what the policy reads.
    """
    from gato_ros.data.exports.value_names import action_names
    from gato_ros.embodiments import load_embodiment
    from gato_ros.evaluation.policy_source import make_policy, robot_for
    from gato_ros.evaluation.progress import counted
    from gato_ros.models.serving.policy import GatoPolicy

    check_bounds(study)
    robot = load_embodiment(robot_for(study.policy, study.embodiment))
    policy = make_policy(study.policy, robot)
    if not isinstance(policy, GatoPolicy):
        raise SetupError(
            expected="weights that read a robot's sensors", got=study.policy, fix="name a folder or shipped weights"
        )
    episodes = _episodes(policy, study)
    rng = np.random.default_rng(study.seed)
    span = np.asarray(robot.action_upper) - np.asarray(robot.action_lower)
    found: dict[str, list[tuple[float, np.ndarray, np.ndarray]]] = {}
    with counted("reliance", study.samples) as advance:
        for _ in range(study.samples):
            for name, row in _sample(policy, episodes, rng):
                found.setdefault(name, []).append(row)
            advance("")
    return {
        "policy": study.policy,
        "weights_sha256": policy.info.digest,
        "data": str(study.data),
        "episodes": len(episodes),
        "samples": study.samples,
        "seed": study.seed,
        "reach_steps": policy.info.reach_steps,
        "conditions": {name: _figures(rows, action_names(robot), span) for name, rows in found.items()},
    }


def _figures(rows: list[tuple[float, np.ndarray, np.ndarray]], names: list[str], span: np.ndarray) -> dict[str, Any]:
    nats, changes, errors = (np.array(column) for column in zip(*rows))
    change, error = changes.mean(0), errors.mean(0)
    return {
        "nat": float(nats.mean()),
        "nat_error": float(nats.std() / np.sqrt(len(nats))),
        "change": dict(zip(names, change.tolist())),
        "error": dict(zip(names, error.tolist())),
        "share_of_range": {"change": float((change / span).mean()), "error": float((error / span).mean())},
    }


def _sample(
    policy: GatoPolicy, episodes: list[_Tokens], rng: np.random.Generator
) -> Iterator[tuple[str, tuple[float, np.ndarray, np.ndarray]]]:
    """(condition, (nat, change [actions], error [actions])) of one step that is drawn."""
    from gato_ros.models.tokenizer import decode_actions

    place = int(rng.integers(len(episodes)))
    own = episodes[place]
    step = int(rng.integers(len(own.steps)))
    back = min(policy.info.reach_steps, step)
    others = [one for index, one in enumerate(episodes) if index != place and len(one.steps) > back]
    if not others:  # the longest episode, late: no other has as much to give
        back = min(back, max(len(one.steps) for index, one in enumerate(episodes) if index != place) - 1)
        others = [one for index, one in enumerate(episodes) if index != place and len(one.steps) > back]
    other = others[int(rng.integers(len(others)))]
    there = int(rng.integers(back, len(other.steps)))

    def says(exchanged: str = "") -> np.ndarray:
        """Log probabilities [actions choices]."""
        before = None
        if policy.info.remembers:
            policy.take_up(step - back)
            for k in range(back, 0, -1):
                mine, theirs = own.steps[step - k], other.steps[there - k]
                seen = mine._replace(patches=theirs.patches) if exchanged == "past_pictures" else mine
                did = other.done[there - k] if exchanged == "past_actions" else own.done[step - k]
                policy.absorb(seen, did)
            before = policy.remembered()
        patches = (other.steps[there] if exchanged == "pictures" else own.steps[step]).patches
        values = (other.steps[there] if exchanged == "sensors" else own.steps[step]).ids
        return policy.log_probabilities(patches[None], values, own.label_ids[step], before)[0]

    def decided(said: np.ndarray) -> np.ndarray:
        return decode_actions(policy.layout, said.argmax(-1) + policy.layout.action_start)

    truth = says()
    chosen = decided(truth)
    yield "none", (0.0, np.zeros_like(chosen), np.abs(chosen - own.labels[step]))
    for name in (*NOW, *(BEFORE if policy.info.remembers else ())):
        said = says(name)
        action = decided(said)
        nat = float((np.exp(truth) * (truth - said)).sum(-1).mean())
        yield name, (nat, np.abs(action - chosen), np.abs(action - own.labels[step]))


def _episodes(policy: GatoPolicy, study: Reliance) -> list[_Tokens]:
    from gato_ros.data.episodes.episode import episode_paths
    from gato_ros.data.episodes.stream import open_episode
    from gato_ros.evaluation.progress import counted

    if not study.data.is_dir():
        raise SetupError(expected="a folder of episodes", got=f"no folder {study.data}", fix="name one as --data")
    paths = episode_paths(study.data)[: study.episodes]
    with counted("episodes", len(paths), transient=True) as advance:
        found = []
        for path in paths:
            found.append(_tokens(policy, open_episode(path)))
            advance(path.name)
    if len(found) < 2:
        raise SetupError(
            expected=f"two episodes or more in {study.data}: parts of one are exchanged for another's",
            got=str(len(found)),
            fix="collect --image-share 1 --episodes 20",
        )
    return found


def _tokens(policy: GatoPolicy, stream: EpisodeStream) -> _Tokens:
    from gato_ros.evaluation.offline import recorded_observations, refusing
    from gato_ros.models.tokenizer import tokenize, tokenize_actions

    episode, layout = stream.episode, policy.layout
    rows = list(recorded_observations(policy, stream))
    if [index for index, _ in rows] != list(range(len(episode.actions))):
        raise SetupError(
            expected="pictures at every step, for what is remembered",
            got=f"{stream.path} with pictures at {len(rows)} of {len(episode.actions)} steps",
            fix="collect --image-share 1",
        )
    with refusing(policy, stream):
        return _Tokens(
            [tokenize(layout, seen.values) for _, seen in rows],
            [tokenize_actions(layout, done) for done in episode.executed],
            np.asarray(episode.actions),
            [tokenize_actions(layout, label) for label in episode.actions],
        )
