import json
from dataclasses import replace

import jax
import pytest

from gato_ros.cli import presets
from gato_ros.core.errors import SetupError
from gato_ros.domains.robot_presets import ROBOT_PRESETS, preset_for
from gato_ros.embodiments.privileged import contract_for
from gato_ros.models.config import config_from_dict
from gato_ros.models.gato import count_parameters, forward_step, parameter_shapes
from gato_ros.models.layout import BINS, token_layout
from gato_ros.models.parameters import flat_names
from gato_ros.models.serving import streaming
from gato_ros.models.table import table_rows
from gato_ros.models.tokenizer import StepTokens
from tests.robots_of_others import GRASP, LEFT, RIGHT, robot_of_others


@pytest.mark.parametrize(("name", "parameters"), [("gato_1_18b", 1.18e9), ("gato_364m", 364e6), ("gato_79m", 79e6)])
def test_the_papers_sizes(embodiment, name, parameters):
    shapes = parameter_shapes(ROBOT_PRESETS[name], token_layout(embodiment.spec, ROBOT_PRESETS[name]))
    assert count_parameters(shapes) == pytest.approx(parameters, rel=0.015)
    assert table_rows(ROBOT_PRESETS[name]) == 33152


def test_the_cpu_size_is_small(embodiment):
    config = ROBOT_PRESETS["sawyer_small"]
    assert 0.5e6 < count_parameters(parameter_shapes(config, token_layout(embodiment.spec, config))) < 3e6


@pytest.mark.parametrize(("name", "least", "most"), [("sawyer_tiny", 0.25e6, 0.35e6), ("sawyer_medium", 3e6, 4e6)])
def test_the_sizes_of_the_scaling_study(embodiment, name, least, most):
    config = ROBOT_PRESETS[name]
    assert least < count_parameters(parameter_shapes(config, token_layout(embodiment.spec, config))) < most
    assert config.observation_keys == ROBOT_PRESETS["sawyer_small"].observation_keys


def test_the_streaming_cpu_size_sees_what_the_small_one_sees_for_eight_steps(embodiment):
    config, small = ROBOT_PRESETS["sawyer_streaming"], ROBOT_PRESETS["sawyer_small"]
    layout = token_layout(embodiment.spec, config)
    shapes, start = (flat_names(parameter_shapes(one, layout)) for one in (config, small))
    assert layout == token_layout(embodiment.spec, small)
    # It can start from weights of the small one.
    assert {name: shapes[name].shape for name in start} == {name: leaf.shape for name, leaf in start.items()}
    assert {name.rsplit("/", 1)[1] for name in set(shapes) - set(start)} == {
        "relative",
        "content_bias",
        "position_bias",
    }
    assert config.context_tokens == 8 * layout.step_tokens


@pytest.mark.parametrize("name", ["sawyer_state", "sawyer_plan"])
def test_the_controls_have_the_trunk_of_the_small_one_and_no_stem(embodiment, name):
    control, small = ROBOT_PRESETS[name], ROBOT_PRESETS["sawyer_small"]
    assert replace(control, observation_keys=small.observation_keys) == small
    layout = token_layout(contract_for(embodiment, control.observation_keys).spec, control)
    shapes = parameter_shapes(control, layout)
    trunk = parameter_shapes(small, token_layout(embodiment.spec, small))
    assert layout.patches == 0 and set(trunk) - set(shapes) == {"stem", "patch_row", "patch_column"}
    assert shapes["layers"] == trunk["layers"] and shapes["table"] == trunk["table"]
    with pytest.raises(SetupError, match="privileged"):
        token_layout(embodiment.spec, control)


@pytest.mark.parametrize("name", ROBOT_PRESETS)
def test_every_preset_takes_a_control_step(embodiment, name):
    """By shapes alone: the paper's sizes too."""
    config = ROBOT_PRESETS[name]
    layout = token_layout(contract_for(embodiment, config.observation_keys).spec, config)
    params, size = parameter_shapes(config, layout), config.patch_size
    tokens = StepTokens(
        jax.ShapeDtypeStruct((layout.patches, size, size, 3), "uint8"), jax.ShapeDtypeStruct((layout.values,), "int32")
    )
    if config.action_decoding == "one_pass":
        batch = StepTokens(*(jax.ShapeDtypeStruct((3, *part.shape), part.dtype) for part in tokens))
        step = lambda params, tokens: forward_step(params, config, layout, tokens).action_logits
        assert jax.eval_shape(step, params, batch).shape == (3, layout.actions, BINS)
        return
    memory = jax.eval_shape(lambda: streaming.empty_memory(config, layout))
    relative = jax.eval_shape(lambda params: streaming.relative_keys(params, config, layout), params)
    step = lambda *inputs: streaming.stream_step(*inputs, config=config, layout=layout)
    number = jax.ShapeDtypeStruct((), "int32")
    output, after = jax.eval_shape(step, params, relative, memory, tokens, number, number, jax.random.key(0))
    assert output.logits.shape == (layout.actions, BINS) and output.action_ids.shape == (layout.actions,)
    kinds = lambda memory: [(leaf.shape, leaf.dtype) for leaf in jax.tree.leaves(memory)]
    assert kinds(after) == kinds(memory)


@pytest.mark.parametrize("name", ROBOT_PRESETS)
def test_configs_survive_json(name):
    text = json.dumps(ROBOT_PRESETS[name].to_dict())
    assert config_from_dict(json.loads(text)) == ROBOT_PRESETS[name]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"widht": 3}, "width"),
        ({"step_attention": "casual"}, "causal"),
        ({"attention_positions": "learned"}, "none, relative"),
        ({"crop": {"botom": 3}}, "botom"),
        ({"action_decoding": "autoregressive"}, "one_pass"),
        ({"auxiliary_early_layer": 9}, "auxiliary_early_layer"),
    ],
)
def test_bad_configs_are_refused(change, words):
    with pytest.raises(SetupError, match=words):
        config_from_dict({**ROBOT_PRESETS["sawyer_small"].to_dict(), **change})


def test_full_attention_may_not_see_the_answer():
    with pytest.raises(SetupError, match="causal"):
        replace(ROBOT_PRESETS["gato_79m"], step_attention="full")


@pytest.mark.parametrize("without", [(RIGHT,), (GRASP,), (RIGHT, GRASP)], ids=", ".join)
def test_every_preset_takes_what_a_contract_has(tmp_path, without):
    robot = robot_of_others(tmp_path, without)
    for name, preset in ROBOT_PRESETS.items():
        config = preset_for(name, robot)
        assert config.observation_keys == tuple(key for key in preset.observation_keys if key not in without)
        layout = token_layout(contract_for(robot, config.observation_keys).spec, config)
        assert count_parameters(parameter_shapes(config, layout)) > 0


def test_presets_that_do_not_fit_are_named_and_the_others_shown(tmp_path, capsys):
    robot_of_others(tmp_path, (LEFT, RIGHT))
    result = presets.run(presets.Options(str(tmp_path / "robot.yaml")))
    assert set(result["presets"]) == {"sawyer_state", "sawyer_plan"}
    assert set(result["unfit"]) == set(ROBOT_PRESETS) - set(result["presets"])
    said = capsys.readouterr().out
    assert all(f"{name} does not fit of_others: expected a camera" in said for name in result["unfit"])
