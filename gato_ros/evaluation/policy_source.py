"""Policies by the name a user gives, and the environment that shows each of them what it may see."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from gato_ros.core.errors import SetupError
from gato_ros.core.observation import PRIVILEGED_PREFIX
from gato_ros.core.policy import Policy
from gato_ros.embodiments import Embodiment
from gato_ros.embodiments.actions.hold import hold_policy
from gato_ros.evaluation.option_checks import check_place
from gato_ros.models.shipped import CONFIG_FILE, SHIPPED, shipped_policies, weights_folder
from gato_ros.models.shipped import PARAMETERS_FILE as WEIGHTS_FILE
from gato_ros.remote.address import is_remote

if TYPE_CHECKING:
    from gato_ros.models.weights import Weights
    from gato_ros.sim.env import RgbStackingEnv
    from gato_ros.sim.held_out.worlds import HeldOutWorld
    from gato_ros.sim.randomisation import Randomisation
    from gato_ros.sim.task import Task

__all__ = [
    "CONFIG_FILE",
    "SHIPPED",
    "WEIGHTS_FILE",
    "choose_compilation_cache",
    "make_environment",
    "make_policy",
    "robot_policy",
    "shipped_policies",
    "text_weights",
    "weights_folder",
]
COMPILATION_CACHE = "GATO_ROS_COMPILATION_CACHE"
"""Environment variable of models/serving/compilation.py, named here so that nobody imports JAX for it."""
DEFAULT = "sawyer_mastery"
"""The shipped policy that verbs take when none is named."""


def driving_weights(name: str, robot: Embodiment) -> Path:
    """The absolute folder of weights that a process still to be started will load for `robot`, looked through here.

    Raises:
        SetupError: no weights, damaged ones, or another robot's; before anything runs.
    """
    from gato_ros.models.weights import load_weights

    folder = weights_folder(name).resolve()
    load_weights(folder, robot)
    return folder


def robot_for(policy: str, wanted: str | None = None) -> str:
    """The contract that is `wanted`, or the first that the weights know; the Sawyer's where they know none.

    Raises:
        SetupError: no such policy.
    """
    from gato_ros.embodiments.loading import DEFAULT as SAWYER
    from gato_ros.embodiments.loading import known_contracts

    if wanted or policy in ("", "expert", "hold") or is_remote(policy):
        return wanted or SAWYER
    from gato_ros.models.weights import contract_names

    known = contract_names(weights_folder(policy, besides=("expert", "hold")))
    return next((name for name in (SAWYER, *known_contracts()) if name in known), SAWYER)


def text_weights(name: str | Path, embodiment: str) -> Weights:
    """Weights that know text, a folder or a shipped name; of a generalist the contract does not matter.

    Raises:
        SetupError: no weights, damaged ones, another robot's, or some that know no text.
    """
    from gato_ros.embodiments import load_embodiment
    from gato_ros.embodiments.privileged import contract_for
    from gato_ros.models.vocabulary import vocabulary_of
    from gato_ros.models.weights import load_weights, weights_config

    folder = weights_folder(name)
    config = weights_config(folder)
    contract = None if config.generalist else contract_for(load_embodiment(embodiment), config.observation_keys)
    weights = load_weights(folder, contract)
    vocabulary_of(weights.config)
    return weights


def choose_compilation_cache(wanted: str) -> None:
    """Where policies of this process and of its workers keep compiled code; nothing: as it was."""
    if wanted and wanted != "off":
        check_place("--compilation-cache", Path(wanted), as_folder=True)  # JAX would do without it and say nothing
    if wanted:
        os.environ[COMPILATION_CACHE] = wanted


def make_policy(
    name: str, embodiment: Embodiment, task: Task | None = None, temperature: float | None = None
) -> Policy:
    """The policy called `name`: `expert` (sees ground truth), `hold`, a folder with weights or a shipped name.

    Args:
        task: what the expert does, red on blue by default; weights know one task only, their own.
        temperature: of the actions that weights draw, 0 for the likeliest; None: that of the weights.

    Raises:
        SetupError: no such policy; damaged weights; weights of another embodiment; a temperature without weights.
    """
    if temperature is not None and name in ("expert", "hold"):
        raise SetupError(expected="weights that draw at a temperature", got=name, fix="leave the temperature out")
    if name == "hold":
        return hold_policy(embodiment)
    if name == "expert":
        from gato_ros.sim.expert import expert_for
        from gato_ros.sim.task import RED_ON_BLUE

        return expert_for(embodiment, task or RED_ON_BLUE)
    folder = weights_folder(name, besides=("expert", "hold"))
    from gato_ros.embodiments.privileged import contract_for, reads_privileged
    from gato_ros.models.serving.compilation import keep_compiled
    from gato_ros.models.serving.policy import GatoPolicy
    from gato_ros.models.weights import weights_config

    keep_compiled()
    keys = weights_config(folder).observation_keys
    policy = GatoPolicy.from_directory(folder, contract_for(embodiment, keys), temperature=temperature)
    if not reads_privileged(keys):
        return policy
    from gato_ros.evaluation.privileged_policy import PrivilegedPolicy, reads_plan
    from gato_ros.sim.expert import StackingExpert
    from gato_ros.sim.task import RED_ON_BLUE, stacking_only

    if not reads_plan(keys):
        return PrivilegedPolicy(policy)
    stacking = stacking_only(task or RED_ON_BLUE, "weights that read the expert's plan")
    return PrivilegedPolicy(policy, StackingExpert(embodiment, stacking))


def robot_policy(name: str, robot: Embodiment, compilation_cache: str = "", precision: str = "") -> Policy:
    """`hold`, or the policy in that directory or shipped under that name: warm, and by a robot's sensors alone.

    Args:
        compilation_cache: as the parameter of policy_node.
        precision: of `models.serving.precision`; nothing: as it was trained.

    Raises:
        SetupError: no such policy, or one that does not fit.
    """
    if name == "hold":
        return hold_policy(robot)
    from gato_ros.models.serving.compilation import keep_compiled
    from gato_ros.models.serving.policy import GatoPolicy

    folder = weights_folder(name, besides=("hold",))
    keep_compiled(compilation_cache)
    policy = GatoPolicy.from_directory(folder, robot, precision=precision or None)
    policy.warm_up()
    return policy


def make_environment(
    objects: str,
    policy: Policy,
    embodiment: Embodiment,
    randomisation: Randomisation | None = None,
    randomise_fully: bool = False,
    task: Task | None = None,
    held_out: HeldOutWorld | None = None,
    text_s: float | None = None,
) -> RgbStackingEnv:
    """An environment with the observations `policy` reads and no others: what it does not name it cannot see.

    Args:
        objects: the object set.
        policy: names what it reads in `observation_keys`.
        embodiment: the robot.
        randomisation: what differs from the plain world; the same seed starts in the same way with and without.
        randomise_fully: at its full magnitude in every episode (a test) instead of drawn (training).
        task: what is to be done; red on blue by default.
        held_out: a world that no training touches; None: the plain one.
        text_s: so long [s] the task is told in words; None: throughout.
    """
    from gato_ros.sim.env import RgbStackingEnv
    from gato_ros.sim.task import RED_ON_BLUE

    privileged = tuple(key for key in policy.observation_keys if key.startswith(PRIVILEGED_PREFIX))
    plain = tuple(key for key in policy.observation_keys if key not in privileged)
    return RgbStackingEnv(
        objects,
        observation_keys=plain,
        privileged=privileged,
        embodiment=embodiment,
        randomisation=randomisation,
        randomise_fully=randomise_fully,
        wanted=task or RED_ON_BLUE,
        held_out=held_out,
        text_s=text_s,
    )
