"""The model of a preset as it is trained."""

from __future__ import annotations

from dataclasses import replace

from gato_ros.core.errors import SetupError, unknown_name
from gato_ros.embodiments import Embodiment
from gato_ros.models.config import GatoConfig


def training_model(preset: str, robot: Embodiment | None = None, observe: tuple[str, ...] = ()) -> GatoConfig:
    """The model of a preset as it is trained: with the heads that learn to see, where it is not given what they see.

    Args:
        robot: whose observations it sees, and `observe` names; None: the Sawyer's, as ROBOT_PRESETS calls them.
        observe: what it sees besides; with a text, it knows the published vocabulary.
    """
    from gato_ros.domains.rgb_stacking.auxiliary import NAMES
    from gato_ros.domains.rgb_stacking.patch_labels import PATCH_NAMES
    from gato_ros.domains.robot_presets import ROBOT_PRESETS, preset_for
    from gato_ros.embodiments.privileged import reads_privileged
    from gato_ros.training.sequence_config import sequence_config

    if preset not in ROBOT_PRESETS:
        raise unknown_name("a preset", preset, ROBOT_PRESETS)
    model = preset_for(preset, robot) if robot else ROBOT_PRESETS[preset]
    if observe:
        if robot is None:
            raise ValueError(f"no robot whose {', '.join(observe)} could be observed")
        model = _observing(model, robot, observe)
    streams = model.action_decoding == "autoregressive"
    if streams and not sequence_config(preset).auxiliary_weight or reads_privileged(model.observation_keys):
        return model
    return replace(model, auxiliary=NAMES, auxiliary_early_layer=max(1, model.layers // 2), patch_auxiliary=PATCH_NAMES)


def _observing(model: GatoConfig, robot: Embodiment, keys: tuple[str, ...]) -> GatoConfig:
    from gato_ros.models.layout import CONTINUOUS_START
    from gato_ros.models.vocabulary import PUBLISHED

    kinds = {key: robot.channel(key).kind for key in keys}
    if twice := sorted(set(keys) & set(model.observation_keys)):
        raise SetupError(
            expected="--observe with what the preset does not see",
            got=", ".join(twice),
            fix=f"it sees {', '.join(model.observation_keys)}",
        )
    knows_text = {"text_rows": CONTINUOUS_START, "vocabulary": PUBLISHED} if "text" in kinds.values() else {}
    return replace(model, observation_keys=tuple(sorted({*model.observation_keys, *keys})), **knows_text)
