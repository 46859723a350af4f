"""The model sizes: parameters, layers, width, heads and context of every preset. Allocates nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Options:
    """For which robot, and where to write."""

    embodiment: str = "sawyer_rgb_stacking"
    """Name or path of the contract that the token layout comes from."""
    json: Path | None = None
    """Write the result here as JSON."""


def run(options: Options) -> dict:
    """Count the parameters of every preset by shape."""
    from gato_ros.core.errors import SetupError
    from gato_ros.domains.robot_presets import ROBOT_PRESETS, preset_for
    from gato_ros.embodiments import load_embodiment
    from gato_ros.embodiments.privileged import contract_for
    from gato_ros.models.gato import count_parameters, parameter_shapes
    from gato_ros.models.layout import token_layout
    from gato_ros.models.serving.compilation import require_device

    embodiment, presets, unfit = load_embodiment(options.embodiment), {}, {}
    require_device()
    for name in ROBOT_PRESETS:
        try:
            config = preset_for(name, embodiment)
            layout = token_layout(contract_for(embodiment, config.observation_keys).spec, config)
            shapes = parameter_shapes(config, layout)
        except SetupError as error:
            unfit[name] = str(error)
            continue
        presets[name] = {
            "parameters": count_parameters(shapes),
            "layers": config.layers,
            "width": config.width,
            "heads": config.heads,
            "context": config.context_tokens or layout.step_tokens,
            "step_tokens": layout.step_tokens,
            "decoding": config.action_decoding,
        }
    _print(presets)
    for name, why in unfit.items():
        print(f"{name} does not fit {embodiment.name}: {why}")
    return {"presets": presets, "unfit": unfit}


def _print(presets: dict[str, dict]) -> None:
    from rich.table import Table

    from gato_ros.evaluation.console import make_console

    table = Table(show_edge=False)
    for title in ("preset", "parameters", "layers", "width", "heads", "context", "step", "actions"):
        table.add_column(title, no_wrap=title in ("preset", "parameters"))
    for name, row in presets.items():
        numbers = [str(row[key]) for key in ("layers", "width", "heads", "context", "step_tokens")]
        table.add_row(name, f"{row['parameters'] / 1e6:,.2f} M", *numbers, row["decoding"])
    make_console().print(table, "context and step in tokens", highlight=False)
