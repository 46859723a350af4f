"""What a Python user needs, each in one call. Import it as `import gato_ros`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gato_ros.core.errors import SetupError

if TYPE_CHECKING:
    import gymnasium
    import numpy as np

    from gato_ros.core.observation import Observation
    from gato_ros.core.policy import Policy
    from gato_ros.core.prompt import Prompt
    from gato_ros.data.episodes.episode import Episode
    from gato_ros.evaluation.outcomes import EpisodeOutcome
    from gato_ros.models.serving.policy import GatoPolicy
    from gato_ros.models.tokenizer import StepTokens


def load_policy(
    name: str | Path = "sawyer_mastery",
    *,
    embodiment: str | None = None,
    domain: str = "rgb_stacking",
    task: str | None = None,
) -> Policy:
    """A policy, ready to act.

    Args:
        name: a shipped policy, a folder with weights, `expert` (scripted, sees ground truth) or `hold`; of another
            domain than the robot's a folder with weights or `random`.
        embodiment: name or path of the robot's contract; by default one that the weights know.
        domain: where it acts, as for `make`.
        task: of another domain than the robot's, as for `make`.

    Raises:
        SetupError: no such policy, damaged weights, or weights of another robot.
    """
    from gato_ros.domains.registry import STACKING, load_domain, task_of

    if domain != STACKING:
        from gato_ros.evaluation.foreign.policies import make_policy as of_domain

        world = load_domain(domain)
        return of_domain(world, task_of(world, task), str(name))
    from gato_ros.embodiments import load_embodiment
    from gato_ros.evaluation.policy_source import make_policy, robot_for

    return make_policy(str(name), load_embodiment(embodiment or robot_for(str(name))))


def make(
    domain: str = "rgb_stacking",
    *,
    task: str | None = None,
    objects: str = "cubes",
    policy: Policy | None = None,
    embodiment: str | None = None,
    render_mode: str | None = None,
) -> gymnasium.Env:
    """A domain's environment, as Gymnasium knows them.

    Args:
        domain: `rgb_stacking`, `babyai` or `meta_world` (`pip install gato_ros[domains]`), `atari` (`gato_ros[atari]`),
            `scenes`, or the path of a file with a domain.
        task: what to do there; of rgb_stacking `red_on_blue` (the default), `blue_on_green`, `lift_red`, `push_red` ...
        objects: of rgb_stacking the object set: cubes, triplet1 .. triplet5, train.
        policy: who will act: the environment then shows what this policy reads, and nothing else.
        embodiment: name or path of the robot's contract; by default that of `policy`, or the Sawyer's.
        render_mode: `human` opens a window, `rgb_array` makes `render` give a picture.

    Raises:
        SetupError: an unknown domain, task or object set, or a package that is not installed.
    """
    from gato_ros.domains.registry import STACKING, load_domain, task_of

    if domain != STACKING:
        world = load_domain(domain)
        return world.environment(task_of(world, task), render_mode=render_mode)
    from gato_ros.core.observation import PRIVILEGED_PREFIX
    from gato_ros.embodiments import Embodiment, load_embodiment
    from gato_ros.sim.env import RgbStackingEnv
    from gato_ros.sim.task import task_named

    keys = None if policy is None else policy.observation_keys
    # Weights know their contract; a policy of one's own need not.
    known = getattr(policy, "contract", None)
    if embodiment is not None:
        robot = load_embodiment(embodiment)
    else:
        robot = known if isinstance(known, Embodiment) else load_embodiment()
    return RgbStackingEnv(
        objects,
        observation_keys=None if keys is None else tuple(k for k in keys if not k.startswith(PRIVILEGED_PREFIX)),
        privileged=tuple(key for key in keys or () if key.startswith(PRIVILEGED_PREFIX)),
        embodiment=robot,
        render_mode=render_mode,
        wanted=task_named(task or "red_on_blue"),
    )


def run_episode(policy: Policy, env: gymnasium.Env, seed: int = 0, *, prompt: Prompt | None = None) -> EpisodeOutcome:
    """One episode, from a reset with `seed` to success or to the environment's end.

    Args:
        policy: who acts.
        env: what `make` gave.
        seed: of the start; 900000 and above were never trained on.
        prompt: a demonstration that conditions the policy, where it takes one.

    Returns:
        The outcome: `success`, `steps`, `failure`, `progress`.
    """
    from gato_ros.evaluation.outcomes import run_episode as run

    return run(env.unwrapped, policy, seed, prompt=prompt)


def load_episode(path: str | Path) -> Episode:
    """A recorded episode, every checksum checked.

    Returns:
        Arrays over its N steps: `values` by key, `actions` [N n], `executed` [N n], `stamps_s` [N].

    Raises:
        SetupError: the file is missing, cut short, altered, or not an episode.
    """
    from gato_ros.data.episodes.episode import read_episode

    return read_episode(Path(path))


def tokenize(policy: GatoPolicy, observation: Observation) -> StepTokens:
    """The tokens that `policy` makes of an observation, the very ones that it acts on.

    Returns:
        `patches` uint8 [patches size size 3] of its images, and `ids` int32 [values] of all else.

    Raises:
        SetupError: a policy without tokens, such as the scripted expert.
        KeyError, ValueError: an observation that is not this policy's.
    """
    from gato_ros.models.tokenizer import tokenize as tokens_of

    if not hasattr(policy, "layout"):
        raise SetupError(
            expected="a policy that reads tokens", got=type(policy).__name__, fix='use load_policy("sawyer_mastery")'
        )
    return tokens_of(policy.layout, observation.values)


def generate(
    weights: str | Path,
    text: str = "",
    images: Sequence[np.ndarray] = (),
    *,
    max_tokens: int = 64,
    temperature: float = 0.0,
    top_k: int | None = None,
    seed: int = 0,
    embodiment: str = "sawyer_rgb_stacking",
) -> str:
    """The text that a model writes after pictures and a text. No shipped weights know text yet.

    Args:
        weights: a folder with weights that were trained with text, or the name of shipped ones.
        text: what the model reads; it goes on where this stops.
        images: uint8 [height width 3] each, seen before the text; the patch size divides their sides.
        max_tokens: stop after so many, if the model does not end the text before.
        temperature: 0 takes the likeliest token; above, tokens are drawn.
        top_k: draw from the likeliest so many only.
        seed: of the drawing.
        embodiment: contract that the weights were trained for; of a generalist it does not matter.

    Raises:
        SetupError: no such weights, weights that know no text, or an image that the patch size does not divide.
    """
    from gato_ros.evaluation.policy_source import text_weights
    from gato_ros.models.dialogue import dialogue_step
    from gato_ros.models.generation import Sampling
    from gato_ros.models.generation import generate as generated
    from gato_ros.models.vocabulary import vocabulary_of

    loaded = text_weights(weights, embodiment)
    vocabulary = vocabulary_of(loaded.config)
    prompt = (dialogue_step((text,) if text else (), loaded.config, images),)
    sampling = Sampling(temperature, top_k)
    ids = generated(loaded.params, loaded.config, prompt, max_tokens=max_tokens, sampling=sampling, seed=seed)
    return vocabulary.decode(list(ids))
