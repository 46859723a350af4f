import json
from dataclasses import replace
from pathlib import PurePath

import numpy as np
import pytest
import safetensors.numpy

from gato_ros.cli import main
from gato_ros.core.errors import SetupError
from gato_ros.core.records.checksummed_json import checksummed_text
from gato_ros.embodiments import load_embodiment
from gato_ros.evaluation.policy_source import robot_for, shipped_policies
from gato_ros.models.layout import token_layout
from gato_ros.models.parameters import flat_names
from gato_ros.models.presets import PRESETS
from gato_ros.models.weights import CONFIG_FILE, load_weights, save_weights

CONFIG = PRESETS["debug_one_pass"]


@pytest.fixture(scope="module")
def params(embodiment, fresh):
    return fresh(CONFIG, token_layout(embodiment.spec, CONFIG))


@pytest.fixture
def saved(tmp_path, params, embodiment):
    save_weights(tmp_path / "policy", params, CONFIG, embodiment, {"seed": 7})
    return tmp_path / "policy"


def changed(embodiment, **sections):
    """The contract with some values replaced, given as section={"key": value}."""
    text = embodiment.model_dump(by_alias=True)
    for section, values in sections.items():
        target = text[section]
        for key, value in values.items():
            target[key] = {**target[key], **value} if isinstance(target[key], dict) else value
    return type(embodiment).model_validate(text)


def test_what_is_saved_comes_back_without_auxiliary_heads(saved, params, embodiment):
    weights = load_weights(saved, embodiment)
    assert weights.config == replace(CONFIG, auxiliary=(), auxiliary_early_layer=0)
    assert weights.extra == {"seed": 7} and "auxiliary" not in weights.params
    original = flat_names({name: value for name, value in params.items() if name != "auxiliary"})
    for name, value in flat_names(weights.params).items():
        np.testing.assert_array_equal(value, original[name])
    assert sorted(path.name for path in saved.iterdir()) == ["config.json", "params.safetensors"]


@pytest.mark.fault("F1")
def test_a_bit_flip_anywhere_is_refused(saved, embodiment):
    file, rng = saved / "params.safetensors", np.random.default_rng(0)
    whole = file.read_bytes()
    for place in rng.integers(0, len(whole), 5):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(rng.integers(8))
        file.write_bytes(damaged)
        with pytest.raises(SetupError, match="sha256"):
            load_weights(saved, embodiment)


@pytest.mark.fault("F1")
@pytest.mark.parametrize("keep", [0, 7, 1000, -1])
def test_a_truncated_file_is_refused(saved, embodiment, keep):
    file = saved / "params.safetensors"
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(SetupError, match="sha256"):
        load_weights(saved, embodiment)


@pytest.mark.parametrize("name", ["config.json", "params.safetensors"])
def test_a_missing_file_is_named(saved, embodiment, name):
    (saved / name).unlink()
    with pytest.raises(SetupError, match=name):
        load_weights(saved, embodiment)


def test_a_missing_folder_names_its_neighbours(saved, embodiment):
    with pytest.raises(SetupError, match="beside it there are: policy"):
        load_weights(saved.with_name("polcy"), embodiment)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda record: record.update(modle={}), "did you mean 'model'"),
        (lambda record: record["model"].update(widht=3), "did you mean 'width'"),
        (lambda record: record.pop("parameters"), "parameters"),
        (lambda record: record["embodiment"].pop("policy_contract"), "embodiment"),
        (lambda record: record.update(schema=2), "schema"),
        (lambda record: record["model"].update(width=64), "parameters of its config"),
    ],
)
def test_a_wrong_record_is_refused_whatever_its_checksum(saved, embodiment, edit, words):
    file = saved / "config.json"
    record = json.loads(file.read_text())
    edit(record)
    file.write_text(checksummed_text(record))
    with pytest.raises(SetupError, match=words):
        load_weights(saved, embodiment)


@pytest.mark.parametrize(
    "edit",
    [
        lambda text: text.replace('"seed": 7', '"seed": 8'),
        lambda text: text.replace('"control_rate_hz": 20.0', '"control_rate_hz": 10.0'),
        lambda text: text.replace('"temperature": 0.0', '"temperature": 0.5'),
        lambda text: text.replace('"dropout": 0.0', '"dropout": 0e0'),
        lambda text: text.replace("{", "{ ", 1),
        lambda text: text[: text.rindex(",")] + "\n}\n",
    ],
)
def test_an_edit_is_refused_until_its_checksum_is_renewed(saved, embodiment, edit):
    """The last one takes the checksum away: older weights had none."""
    file = saved / "config.json"
    before = file.read_text()
    file.write_text(edit(before))
    assert file.read_text() != before
    with pytest.raises(SetupError, match=f"python -m gato_ros seal {saved}"):
        load_weights(saved, embodiment)
    with pytest.raises(SystemExit, match="0"):
        main(["seal", str(saved)])
    if json.loads(file.read_text())["embodiment"] == json.loads(before)["embodiment"]:
        load_weights(saved, embodiment)


def test_only_whole_weights_get_a_new_checksum(saved, embodiment):
    record = (saved / "config.json").read_text()
    (saved / "params.safetensors").write_bytes((saved / "params.safetensors").read_bytes()[:-1])
    with pytest.raises(SystemExit, match="2"):
        main(["seal", str(saved)])
    assert (saved / "config.json").read_text() == record


@pytest.mark.parametrize("text", ["", "{", "[]", "3"])
def test_a_config_that_is_not_an_object_is_refused(saved, embodiment, text):
    (saved / "config.json").write_text(text)
    with pytest.raises(SetupError, match="config.json"):
        load_weights(saved, embodiment)


@pytest.mark.fault("A3")
@pytest.mark.parametrize(
    ("sections", "words"),
    [
        ({"observations": {"gripper/opening": {"upper": [0.1]}}}, r"gripper/opening.upper\[0\]"),
        ({"actions": {"twist": {"upper": [0.1, 0.07, 0.07, 1.0]}}}, "twist.upper"),
        (
            {"observations": {"basket_front_left/pixels": {"height": 64, "camera": {"height": 64, "width": 128}}}},
            "height",
        ),
    ],
)
def test_weights_of_another_robot_are_refused(saved, embodiment, sections, words):
    with pytest.raises(SetupError, match=words):
        load_weights(saved, changed(embodiment, **sections))


@pytest.mark.fault("A3")
def test_another_rate_or_tool_is_another_robot(saved, embodiment):
    text = embodiment.model_dump(by_alias=True)
    for change in ({"control_rate_hz": 10.0}, {"tool_frame": "right_hand"}):
        with pytest.raises(SetupError, match="control_rate_hz|tool"):
            load_weights(saved, type(embodiment).model_validate({**text, **change}))


def test_edits_that_change_no_number_are_accepted(saved, embodiment):
    other = changed(
        embodiment,
        observations={
            "basket_front_left/pixels": {"topic": "camera/left", "max_age_s": 0.2},
            "sawyer/joints/velocity": {"upper": [2.0] * 7},
        },
    )
    assert other.digest != embodiment.digest
    assert load_weights(saved, other).config.width == CONFIG.width


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_neither_saved_nor_loaded(tmp_path, saved, params, embodiment, bad):
    import hashlib

    broken = {**params, "table": params["table"].at[3, 3].set(bad)}
    with pytest.raises(ValueError, match="table"):
        save_weights(tmp_path / "broken", broken, CONFIG, embodiment)
    assert not (tmp_path / "broken").exists()
    flat = safetensors.numpy.load_file(saved / "params.safetensors")
    flat["table"][3, 3] = bad
    content = safetensors.numpy.save(flat)
    (saved / "params.safetensors").write_bytes(content)
    record = json.loads((saved / "config.json").read_text())
    record["parameters"]["sha256"] = hashlib.sha256(content).hexdigest()
    (saved / "config.json").write_text(checksummed_text(record))
    with pytest.raises(SetupError, match="table holds a value that is not finite"):
        load_weights(saved, embodiment)


@pytest.mark.fault("F4")
def test_a_failed_save_leaves_the_old_weights(saved, params, embodiment):
    before = {path.name: path.read_bytes() for path in saved.iterdir()}
    with pytest.raises(ValueError):
        save_weights(saved, params, CONFIG, embodiment, {"loss": float("nan")})
    assert {path.name: path.read_bytes() for path in saved.iterdir()} == before


def strings(value):
    """Every string and every key in a JSON value."""
    if isinstance(value, dict):
        return [text for key, item in value.items() for text in (key, *strings(item))]
    if isinstance(value, list):
        return [text for item in value for text in strings(item)]
    return [value] if isinstance(value, str) else []


@pytest.mark.parametrize("folder", shipped_policies(), ids=lambda path: path.name)
def test_shipped_weights_have_their_checksum(folder):
    assert load_weights(folder, load_embodiment(robot_for(str(folder)))).extra["step"] > 0


@pytest.mark.parametrize("folder", shipped_policies(), ids=lambda path: path.name)
def test_shipped_weights_name_no_folder_of_the_machine_that_trained_them(folder):
    texts = strings(json.loads((folder / CONFIG_FILE).read_text()))
    assert robot_for(str(folder)) in texts
    assert [text for text in texts if PurePath(text).is_absolute()] == []
