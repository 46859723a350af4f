"""Policies of a domain by the name that a user gives."""

from __future__ import annotations

import hashlib

from gato_ros.core.errors import SetupError
from gato_ros.core.policy import Policy, RandomPolicy
from gato_ros.domains.domain import Domain, Environment
from gato_ros.domains.registry import WRITTEN

EXPERT, RANDOM = "expert", "random"
_DRAWS = 4096
"""So far apart are the draws of two seeds, where actions are drawn: an episode's steps at most. One of Atari may
be 400 steps longer, and these then draw as the first ones of the next seed."""


def make_policy(
    domain: Domain,
    task: str,
    policy: str,
    environment: Environment | None = None,
    temperature: float | None = None,
) -> Policy:
    """The policy of that name.

    Args:
        environment: that the expert looks into; nobody else needs it.
        temperature: at which weights draw their actions; their own by default.

    Raises:
        SetupError: weights that are damaged or of another domain, or an expert without environment.
    """
    contract = domain.contract(task)
    if policy == EXPERT:
        if environment is None:
            raise SetupError(
                expected=f"weights, or `{RANDOM}`",
                got=EXPERT,
                fix=f"it looks into one environment: load_domain({domain.name!r}).expert({task!r}, environment)",
            )
        return domain.expert(task, environment)
    if policy == RANDOM:
        return chance(domain, task)
    from gato_ros.models.serving.compilation import keep_compiled
    from gato_ros.models.serving.policy import GatoPolicy
    from gato_ros.models.shipped import weights_folder

    keep_compiled()
    folder = weights_folder(policy, besides=(EXPERT, RANDOM))
    if domain.name in WRITTEN:
        from gato_ros.models.serving.answers import AnswerPolicy

        return AnswerPolicy.from_directory(folder, contract, temperature=temperature)
    return GatoPolicy.from_directory(folder, contract, temperature=temperature)


def chance(domain: Domain, task: str, seed: int = 0) -> Policy:
    """What the scale begins with: actions drawn evenly, or the domain's own guess where nothing can be drawn."""
    guess = getattr(domain, "guess", None)
    return RandomPolicy(domain.contract(task).spec.actions, seed) if guess is None else guess(task)


def seed_draws(policy: Policy, seed: int) -> None:
    """Make what weights draw in the next episode a matter of its seed, not of what was played before."""
    if hasattr(policy, "ticks"):
        policy.ticks = seed % 2**20 * _DRAWS


def weights_sha256(policy: str) -> str:
    """Of the parameters of these weights; SetupError where there are none."""
    from gato_ros.models.shipped import PARAMETERS_FILE, weights_folder

    return hashlib.sha256((weights_folder(policy) / PARAMETERS_FILE).read_bytes()).hexdigest()
