"""How far a policy's actions are from those of recorded episodes: no simulator, no success rate."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gato_ros.core.errors import SetupError
from gato_ros.core.guard.arbiter import HUMAN
from gato_ros.core.observation import Observation
from gato_ros.core.policy import Policy
from gato_ros.data.episodes.command_source import EXPERT, command_sources
from gato_ros.data.episodes.episode import episode_paths
from gato_ros.data.episodes.stream import EpisodeStream, open_episode
from gato_ros.data.exports.value_names import action_names
from gato_ros.evaluation.policy_source import choose_compilation_cache, make_policy, robot_for
from gato_ros.evaluation.progress import counted
from gato_ros.evaluation.settings import Evaluation

if TYPE_CHECKING:
    from gato_ros.models.serving.policy import GatoPolicy

GUESSES = ("policy", "mean", "repeat")


def evaluate_offline(options: Evaluation, folder: Path) -> dict:
    """Mean absolute error of each value of the action, of the policy and of two guesses.

    The policy sees what was recorded, and remembers what was carried out. Steps count that a human commanded or an
    expert labelled, but the first of each episode: there is nothing to repeat.

    Returns:
        `dimensions`: name (with its unit) -> `policy`, `mean` (the mean action of all these episodes) and `repeat` (the
        label of the step before); `better_than_mean` and `better_than_repeat`, the shares of the dimensions; counts.

    Raises:
        SetupError: no episodes, no such policy, or episodes without what the policy reads.
    """
    from gato_ros.embodiments import load_embodiment
    from gato_ros.models.serving.policy import GatoPolicy

    choose_compilation_cache(options.compilation_cache)
    robot = load_embodiment(robot_for(options.policy, options.embodiment))
    policy = make_policy(options.policy, robot)
    if not isinstance(policy, GatoPolicy):
        raise SetupError(
            expected="weights with --offline", got=f"--policy {options.policy}", fix="name a folder or shipped weights"
        )
    paths = episode_paths(folder)
    if not paths:
        raise SetupError(expected=f"episodes in {folder}", got="none", fix="`collect`, `record` or `episodes import`")
    labels, befores, chosen = [], [], []
    with counted("offline", len(paths), quiet=options.quiet) as advance:
        for path in paths:
            for label, before, action in _steps(policy, open_episode(path)):
                labels.append(label)
                befores.append(before)
                chosen.append(action)
            advance(path.name)
    if not labels:
        raise SetupError(
            expected=f"steps with pictures in {folder} that a human commanded or an expert labelled",
            got="none",
            fix="collect with --image-share 1",
        )
    truth = np.array(labels)
    guesses = dict(zip(GUESSES, (np.array(chosen), np.broadcast_to(truth.mean(0), truth.shape), np.array(befores))))
    errors = {name: np.abs(guess - truth).mean(0) for name, guess in guesses.items()}
    result: dict[str, Any] = {
        "policy": options.policy,
        "weights_sha256": policy.info.digest,
        "offline": str(folder),
        "episodes": len(paths),
        "steps": len(truth),
        "dimensions": {
            name: {guess: float(found[place]) for guess, found in errors.items()}
            for place, name in enumerate(action_names(robot))
        },
        "better_than_mean": float((errors["policy"] < errors["mean"]).mean()),
        "better_than_repeat": float((errors["policy"] < errors["repeat"]).mean()),
    }
    if not options.quiet:
        _print(result)
    return result


def recorded_observations(policy: Policy, stream: EpisodeStream) -> Iterator[tuple[int, Observation]]:
    """(index of a step, what `policy` reads of it), of the steps with pictures.

    Raises:
        SetupError: something that it reads was not recorded.
    """
    episode = stream.episode
    shown = {**episode.values, **stream.cameras}
    if lacking := [key for key in policy.observation_keys if key not in shown]:
        raise SetupError(
            expected=f"episodes with {', '.join(policy.observation_keys)}, which the policy reads",
            got=f"{stream.path} without {', '.join(lacking)}",
            fix="name weights that read what was recorded, or record it",
        )
    for index, pictures in stream.whole_pictures():
        values = {
            key: pictures[key] if key in pictures else episode.values[key][index] for key in policy.observation_keys
        }
        yield index, Observation(values)


@contextmanager
def refusing(policy: GatoPolicy, stream: EpisodeStream) -> Iterator[None]:
    """What the tokeniser refuses within, as a SetupError that names the episode."""
    try:
        yield
    except (KeyError, ValueError) as error:
        raise SetupError(
            expected=f"episodes of {policy.contract.name}",
            got=f"{stream.path}: {' '.join(str(error).split())}",
            fix="--embodiment names the contract that they were recorded with",
        ) from None


def _steps(policy: Any, stream: EpisodeStream) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """(label, label of the step before, the policy's action), [5] each."""
    episode = stream.episode
    counts = np.isin(command_sources(episode), (HUMAN, EXPERT))
    policy.reset()
    for index, observation in recorded_observations(policy, stream):
        with refusing(policy, stream):
            decision = policy.judge(observation, episode.executed[index])
        if index and counts[index]:
            yield episode.actions[index], episode.actions[index - 1], decision.action.as_vector()


def _print(result: dict) -> None:
    from rich.table import Table

    from gato_ros.evaluation.console import make_console

    table = Table(title=f"mean absolute error over {result['steps']} steps of {result['episodes']} episodes")
    for name in ("", *GUESSES):
        table.add_column(name, justify="left" if not name else "right")
    for name, errors in result["dimensions"].items():
        table.add_row(name, *(f"{errors[guess]:.4f}" for guess in GUESSES))
    make_console().print(table)
