"""Policies of a domain by the name that a user gives."""

from __future__ import annotations

from gato_ros.core.errors import SetupError
from gato_ros.core.policy import Policy, RandomPolicy
from gato_ros.domains.domain import Domain, Environment

EXPERT, RANDOM = "expert", "random"


def make_policy(domain: Domain, task: str, policy: str, environment: Environment | None = None) -> Policy:
    """The policy of that name.

    Args:
        environment: that the expert looks into; nobody else needs it.

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
        return RandomPolicy(contract.spec.actions)
    from gato_ros.models.serving.compilation import keep_compiled
    from gato_ros.models.serving.policy import GatoPolicy
    from gato_ros.models.shipped import weights_folder

    keep_compiled()
    return GatoPolicy.from_directory(weights_folder(policy, besides=(EXPERT, RANDOM)), contract)
