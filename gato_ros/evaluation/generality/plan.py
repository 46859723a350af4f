"""What a cell trains: one part, with the numbers that the generalist's mixture has for its domain."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from gato_ros.core.contract import Contract
from gato_ros.core.errors import unknown_name
from gato_ros.domains.domain import Domain
from gato_ros.domains.generalist.recipe import FOLDER, FULL
from gato_ros.domains.registry import STACKING
from gato_ros.evaluation.generality.settings import Adaptation
from gato_ros.evaluation.generality.stage import AdaptStage
from gato_ros.evaluation.training_run.mixture import MixturePlan, PartPlan, read_mixture
from gato_ros.training.mixture.config import MixtureConfig
from gato_ros.training.sequence_config import SequenceConfig

if TYPE_CHECKING:
    from gato_ros.models.config import GatoConfig

PART = "task"
"""Name of the part in the curves."""
OF_OTHERS = SequenceConfig(return_share=0.0, prompt_share=0.0, legal_only=True)
"""For a domain that the mixture has no part of."""
AVERAGED = 20
"""What is evaluated is averaged over about one in so many of the steps: the usual decay would hold short trainings
back at their start."""


def plan_of(study: Adaptation, domain: Domain, stage: AdaptStage, weights: str | None, data: Path) -> MixturePlan:
    """One training on `stage.demonstrations` episodes of `data`.

    Args:
        weights: to start from, whose model it is; from nothing it is that of the first weights of the study.
    """
    base = base_model(weights or next(iter(study.init), None), study.preset)
    contract = domain.contract(stage.task)
    numbers, observe = _of_mixture(domain, contract)
    observe = observe or tuple(contract.spec.observations)
    embodiment = contract.name if domain.name == STACKING else ""
    sequences = replace(numbers, batch=stage.batch, length=_length(contract, replace(base, observation_keys=observe)))
    part = PartPlan(
        PART, study.domain, (stage.task,), embodiment, observe, (data,), 1.0, stage.demonstrations, sequences
    )
    if domain.name == STACKING:
        part = replace(part, tasks=())
    config = MixtureConfig(
        ((PART, 1.0, sequences),),
        steps=stage.steps,
        learning_rate=stage.learning_rate,
        warmup_steps=stage.steps // 10,
        average=max(0.0, 1 - AVERAGED / stage.steps),
    )
    return MixturePlan(study.preset, config, (part,), base)


def base_model(weights: str | None, preset: str) -> GatoConfig:
    """The model of a generalist's weights; the preset's without weights, and for weights of one spec, which grow."""
    from gato_ros.models.presets import PRESETS
    from gato_ros.models.weights import weights_config

    config = weights_config(weights) if weights else None
    if config is not None and config.generalist:
        return config
    general = [name for name, model in PRESETS.items() if model.generalist]
    if preset not in general:
        raise unknown_name("a preset of a generalist", preset, general)
    return PRESETS[preset]


def _of_mixture(domain: Domain, contract: Contract) -> tuple[SequenceConfig, tuple[str, ...]]:
    """Numbers and observations of the part whose tasks look like this one."""
    parts = [part for part in read_mixture(FOLDER / FULL.mixture).parts if part.domain == domain.name]
    if not parts:
        return OF_OTHERS, ()
    alike = [part for part in parts if part.contracts()[0].spec == contract.spec] or parts
    assert isinstance(alike[0].sequences, SequenceConfig), "domains in words are refused before"
    known = contract.spec.observations
    # Another arm calls its own by other names: sawyer/pinch/pose is panda/pinch/pose.
    endings = {key.partition("/")[2]: key for key in known}
    observe = (key if key in known else endings.get(key.partition("/")[2]) for key in alike[0].observe)
    return alike[0].sequences, tuple(key for key in observe if key is not None)


def _length(contract: Contract, model: GatoConfig) -> int:
    """Steps of a sequence: more than the window holds."""
    from gato_ros.models.layout import token_layout

    return max(2, model.window // token_layout(contract.spec, model).step_tokens + 1)
