"""One control step of a recorded episode as a readable table: where every token comes from and what it stands for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import tyro

from gato_ros.core.errors import SetupError

if TYPE_CHECKING:
    from gato_ros.data.episodes.episode import Episode
    from gato_ros.models.layout import LayoutItem, TokenLayout


@dataclass(frozen=True)
class Options:
    """Which step, seen by which model."""

    episode: Annotated[Path, tyro.conf.Positional]
    """An episode (*.mcap)."""
    step: int = 0
    """Control step within the episode; negative counts from the end."""
    preset: str = "sawyer_small"
    """Whose token layout: keys, patches and encoding."""
    policy: str | None = None
    """A folder with weights, or the name of shipped ones, whose layout it is instead."""
    embodiment: str | None = None
    """Path of the episode's contract, if it is not one that comes with the package."""
    json: Path | None = None
    """Write the table here as JSON."""


def run(options: Options) -> dict:
    """Tokenise one step with the function that training and the robot use."""
    from gato_ros.data.episodes.episode import read_episode
    from gato_ros.domains.robot_presets import preset_for
    from gato_ros.embodiments import load_embodiment
    from gato_ros.embodiments.privileged import contract_for, privileged_values
    from gato_ros.evaluation.policy_source import weights_folder
    from gato_ros.models.layout import token_layout
    from gato_ros.models.weights import check_vocabulary, weights_config

    episode = read_episode(options.episode)
    embodiment = load_embodiment(options.embodiment or episode.metadata["embodiment"])
    model = preset_for(options.preset, embodiment)
    if options.policy is not None:
        folder = weights_folder(options.policy)
        model = weights_config(folder)
        check_vocabulary(folder, model)
    layout = token_layout(contract_for(embodiment, model.observation_keys).spec, model)
    ground_truth = privileged_values(model.observation_keys, episode.privileged)
    episode = replace(episode, values={**episode.values, **ground_truth})
    count = len(episode.steps)
    if not -count <= options.step < count:
        raise SetupError(
            expected=f"a step in [0, {count}) of {options.episode}", got=str(options.step), fix="choose one of those"
        )
    step = options.step % count
    rows = _rows(layout, episode, step)
    result = {
        "episode": str(options.episode),
        "step": step,
        "stamp_s": float(episode.stamps_s[step]),
        "preset": options.policy or options.preset,
        "tokens": rows,
    }
    _print(result)
    return result


def _rows(layout: TokenLayout, episode: Episode, step: int) -> list[dict[str, Any]]:
    from gato_ros.models.layout import SEPARATOR

    rows = []
    for item in layout.items:
        rows += _READ[item.kind](layout, item, episode, step)
    rows.append(_row(layout.observation_tokens, "|", "", None, "", SEPARATOR, None))
    return rows + _actions(layout, episode.actions[step])


def _row(index: int, key: str, place: str, raw: Any, unit: str, token: int | None, decoded: Any) -> dict[str, Any]:
    return {"index": index, "key": key, "place": place, "raw": raw, "unit": unit, "id": token, "decoded": decoded}


def _patches(layout: TokenLayout, item: LayoutItem, episode: Episode, step: int) -> list[dict[str, Any]]:
    """Patches have no id; their row shows where they lie and their mean colour, if there are images."""
    from gato_ros.models.tokenizer import to_patches

    columns, size = layout.grid(item)[1], layout.patch_size
    found = np.flatnonzero(episode.image_steps == step)
    patches = to_patches(layout, item, episode.values[item.key][found[0]]) if len(found) else None
    rows = []
    for i in range(item.tokens):
        top, left = layout.crop.top + i // columns * size, layout.crop.left + i % columns * size
        colour = None if patches is None else [round(float(mean), 1) for mean in patches[i].mean((0, 1))]
        place = f"[{top}:{top + size}, {left}:{left + size}]"
        rows.append(_row(item.first + i, item.key, place, colour, "mean RGB", None, None))
    return rows


def _values(layout: TokenLayout, item: LayoutItem, episode: Episode, step: int) -> list[dict[str, Any]]:
    from gato_ros.models.layout import CONTINUOUS_START
    from gato_ros.models.tokenizer import bin_index, decode, encode

    raw = episode.values[item.key][step]
    ids = raw.astype(int) if item.kind == "discrete" else CONTINUOUS_START + bin_index(encode(layout, item, raw))
    decoded = decode(layout, item, ids)
    return [
        _row(item.first + i, item.key, f"[{i}]", float(raw[i]), item.units[i], int(ids[i]), float(decoded[i]))
        for i in range(item.tokens)
    ]


def _pieces(layout: TokenLayout, item: LayoutItem, episode: Episode, step: int) -> list[dict[str, Any]]:
    """Of a text: each token's piece, and what the id stands for."""
    from gato_ros.models.tokenizer import text_ids
    from gato_ros.models.vocabulary import known_vocabulary

    vocabulary, ids = known_vocabulary(layout.vocabulary), text_ids(layout, item, episode.values[item.key][step])
    return [
        _row(
            item.first + i, item.key, f"[{i}]", vocabulary.name(token), "piece", int(token), vocabulary.decode([token])
        )
        for i, token in enumerate(ids)
    ]


_READ = {"image": _patches, "continuous": _values, "discrete": _values, "text": _pieces}


def _actions(layout: TokenLayout, action: np.ndarray) -> list[dict[str, Any]]:
    from gato_ros.models.tokenizer import decode_actions, tokenize_actions

    names, ids = ("vx", "vy", "vz", "wz", "opening"), tokenize_actions(layout, action)
    decoded = decode_actions(layout, ids)
    first = layout.observation_tokens + 1
    return [
        _row(first + i, "action", names[i], float(action[i]), layout.action_units[i], int(ids[i]), float(decoded[i]))
        for i in range(layout.actions)
    ]


def _print(result: dict[str, Any]) -> None:
    from rich.markup import escape
    from rich.table import Table

    from gato_ros.evaluation.console import make_console

    table = Table(show_edge=False)
    for name in ("token", "key", "place", "raw", "unit", "id", "decoded"):
        # Where a terminal is too narrow, the others fold: a number that was cut would be another number.
        table.add_column(name, no_wrap=name in ("token", "id"), overflow="fold")
    for row in result["tokens"]:
        cells = (
            str(row["index"]),
            row["key"],
            row["place"],
            _shown(row["raw"]),
            row["unit"],
            "" if row["id"] is None else str(row["id"]),
            _shown(row["decoded"]),
        )
        table.add_row(*map(escape, cells))
    console = make_console()
    title = f"{result['episode']}, step {result['step']} at {result['stamp_s']:.2f} s, as {result['preset']} sees it"
    console.print(title, markup=False, highlight=False)
    console.print(table)
    if any(row["unit"] == "mean RGB" and row["raw"] is None for row in result["tokens"]):
        console.print("this step was recorded without images: its patches are empty")


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(f"{part:.0f}" for part in value)
    if isinstance(value, str):
        return value
    return "" if value is None else f"{value:.5g}"
