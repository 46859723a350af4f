"""One round's learning: the policy's own episodes, weighted by how they ended, among the demonstrations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gato_ros.core.processes import keep_freed_memory
from gato_ros.domains.rgb_stacking.stage import LearnStage
from gato_ros.evaluation.improvement.checks import demonstration_frames

if TYPE_CHECKING:
    from gato_ros.data.episodes.recording import Recording
    from gato_ros.data.frames import Frames
    from gato_ros.embodiments import Embodiment
    from gato_ros.models.layout import TokenLayout
    from gato_ros.models.weights import Weights
    from gato_ros.training.examples import Examples
    from gato_ros.training.supervision import Supervision


def learn(stage: LearnStage, out: Path) -> dict[str, Any]:
    """Train, or go on with it; its figures. `learned` is False, and there are no weights, where nothing succeeded."""
    from gato_ros.embodiments import load_embodiment
    from gato_ros.models.layout import token_layout
    from gato_ros.models.weights import load_weights

    keep_freed_memory()
    robot = load_embodiment(stage.embodiment)
    by_folder = {str(out / folder): own_recordings([out / folder]) for folder in stage.episodes}
    recordings = [one for found in by_folder.values() for one in found]
    good = [succeeded(one) for one in recordings]
    figures: dict[str, Any] = {"learned": any(good), "own_episodes": len(good), "own_successes": sum(good)}
    print(f"improve: {sum(good)} of its {len(good)} episodes so far succeeded", flush=True)
    if not any(good):
        return figures
    start = load_weights(out / stage.policy, robot)
    layout = token_layout(robot.spec, start.config)
    weights, value = _weights(stage, recordings, start, layout)
    reach = np.cumsum([0, *(np.count_nonzero(each) for each in weights)])
    ends = np.cumsum([len(found) for found in by_folder.values()])
    data = dict(zip(by_folder, np.diff(reach[ends], prepend=0).tolist()))
    trained = _trained(stage, out, start, layout, own_steps(recordings, weights), data)
    return {**figures, "value": value, **trained}


def own_steps(recordings: Sequence[Recording], weights: Sequence[np.ndarray]) -> tuple[Frames, np.ndarray]:
    """The frames that count for something, and how much [N]; `weights`: [steps] of each recording."""
    from gato_ros.data.frames import join

    each = np.concatenate(weights)
    counting = np.flatnonzero(each)
    return join([one.frames for one in recordings]).only(counting), each[counting]


def own_recordings(folders: Sequence[Path]) -> list[Recording]:
    """All finished episodes of these folders, failures, too; what is none is left out."""
    from gato_ros.data.checks.episode_filter import left_out
    from gato_ros.data.episodes.recording import load_recordings

    return [one for folder in folders for one in load_recordings(folder, left_out(folder, failures=True))]


def succeeded(recording: Recording) -> bool:
    """By the simulator's judge, or by the latest label that somebody gave."""
    return recording.outcome > 0


def _weights(
    stage: LearnStage, recordings: Sequence[Recording], start: Weights, layout: TokenLayout
) -> tuple[list[np.ndarray], dict[str, float] | None]:
    """[steps] of each recording, and what the value of a step is worth, where there is one."""
    from gato_ros.training.outcomes.weighting import advantage_weights, advantages, success_weights

    good = [succeeded(one) for one in recordings]
    if stage.advantage_temperature is None or len(recordings) < 2:  # one alone has nothing to be compared with
        return success_weights([len(one.frames) for one in recordings], good), None
    values = step_values(recordings, start, layout)
    weights = [
        advantage_weights(advantages(value, end), stage.advantage_temperature) for value, end in zip(values, good)
    ]
    return weights, value_figures(values, good)


def step_values(recordings: Sequence[Recording], start: Weights, layout: TokenLayout) -> list[np.ndarray]:
    """[steps] of each recording: the probability of success, of its pictures, proprioception and the time that is gone,
    by what was learned from the other recordings."""
    from gato_ros.evaluation.progress import counted
    from gato_ros.sim.task import MAX_STEPS
    from gato_ros.training.outcomes.features import step_features
    from gato_ros.training.outcomes.value import cross_fitted

    seen = []
    with counted("values", len(recordings), transient=True) as advance:
        for one in recordings:
            features = step_features(start.params, start.config, layout, one.frames)
            seen.append(np.concatenate([features, one.steps[:, None] / MAX_STEPS], 1))
            advance("")
    return cross_fitted(seen, [succeeded(one) for one in recordings])


def value_figures(values: Sequence[np.ndarray], good: Sequence[bool]) -> dict[str, float]:
    """How well the values foresee: nats that an outcome surprises them by at a step, the mean over episodes, and what
    the mean rate alone would be surprised by."""
    surprise = [-np.log(np.maximum(value if end else 1.0 - value, 1e-6)).mean() for value, end in zip(values, good)]
    rate = float(np.clip(np.mean(good), 1e-3, 1 - 1e-3))
    blind = [-np.log(rate if end else 1.0 - rate) for end in good]
    return {"surprise_nat": float(np.mean(surprise)), "surprise_of_the_rate_nat": float(np.mean(blind))}


def _trained(
    stage: LearnStage,
    out: Path,
    start: Weights,
    layout: TokenLayout,
    own: tuple[Frames, np.ndarray],
    data: dict[str, int],
) -> dict[str, Any]:
    """The figures of the training. `own`: frames and their weights; `data`: how many are of which folder."""
    from gato_ros.embodiments import load_embodiment
    from gato_ros.training.config import TrainingConfig
    from gato_ros.training.dashboard import Dashboard
    from gato_ros.training.loop import Schedule, train
    from gato_ros.training.objective import SingleStep
    from gato_ros.training.outcomes.weighting import effective_steps

    robot = load_embodiment(stage.embodiment)
    known = _supervision(robot)
    examples, validation, taught = _examples(stage, layout, own, known)
    config = TrainingConfig(stage.steps, stage.batch, stage.learning_rate, blind_share=0.0)
    objective = SingleStep(config, replace(start.config, dropout=0.0), layout, examples, validation)
    dashboard = Dashboard(config.steps, config.batch, out / stage.folder)
    schedule = Schedule(*(min(every, config.steps) for every in (50, 500, 500)))
    with dashboard.shown():
        result = train(
            objective,
            robot,
            known,
            {**taught, **data},
            out / stage.folder,
            schedule,
            dashboard.report,
            initial=start.params,
        )
    frames = {"own": len(own[0]), "demonstrations": len(examples) - len(own[0])}
    return {**result, "frames": frames, "effective_own_steps": effective_steps(own[1])}


def _examples(
    stage: LearnStage, layout: TokenLayout, own: tuple[Frames, np.ndarray], known: Supervision
) -> tuple[Examples, Examples, dict[str, int]]:
    """To learn from, to look at, and the count of demonstrations by folder."""
    from gato_ros.data.frames import join
    from gato_ros.training.examples import Examples
    from gato_ros.training.mixing import unless_equal
    from gato_ros.training.outcomes.weighting import mixed

    frames, weights = own
    if not stage.demonstrations:
        # Nothing is held out then: what counts is measured in closed loop.
        return Examples.of(frames, layout, known, unless_equal(weights)), Examples.of(frames, layout, known), {}
    taught, held_out, data = demonstration_frames(tuple(map(Path, stage.demonstrations)))
    each = mixed(weights, len(taught), stage.demonstration_share)
    examples = Examples.of(_without_truth(join([taught, frames])), layout, known, unless_equal(each))
    return examples, Examples.of(_without_truth(held_out), layout, known), data


def _supervision(robot: Embodiment) -> Supervision:
    """Of a robot of which nothing but its actions is known: an outcome is all that is learned from, and a mirror."""
    from gato_ros.domains.rgb_stacking.supervision import StackingSupervision
    from gato_ros.training.supervision import ActionsOnly

    known = StackingSupervision.of(robot)
    return ActionsOnly(known.action_names, reflection=known.reflection)


def _without_truth(frames: Frames) -> Frames:
    """The simulator's poses, which demonstrations hold, are nothing to learn from here."""
    return replace(frames, privileged={})
