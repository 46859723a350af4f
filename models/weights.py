"""A policy on disk: params.safetensors and config.json, whole or refused."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
import safetensors
import safetensors.numpy
from flax.traverse_util import unflatten_dict

from gato_ros.core.contract import Contract
from gato_ros.core.errors import SetupError, unknown_name
from gato_ros.core.records import checksummed_json
from gato_ros.core.records.whole_file import write_whole
from gato_ros.models.config import GatoConfig, config_from_dict
from gato_ros.models.layout import layout_without_spec, token_layout
from gato_ros.models.parameters import Parameters, count_parameters, flat_names, parameter_shapes
from gato_ros.models.shipped import CONFIG_FILE, PARAMETERS_FILE, weights_folder
from gato_ros.models.vocabulary import PUBLISHED, VOCABULARY_FILE, load_vocabulary, vocabulary_of

_KEYS = {"schema", "model", "embodiment", "parameters", "extra"}
GOLDEN = "golden"
"""The key of the golden decisions (models/serving/reference_decisions.py), which weights may lack."""
OTHERS = "others"
"""The key of what else than `embodiment` a generalist was made for; weights of one contract lack it."""


@dataclass(frozen=True)
class Weights:
    """A loaded policy: finite, complete, and made for the contract it was loaded for."""

    params: Parameters
    config: GatoConfig
    extra: dict[str, Any]
    """What the trainer wrote beside: seed, data, success."""
    digest: str = ""
    """sha256 over the model's configuration and the parameters' own sha256: what an action can depend on."""
    golden: list[dict[str, Any]] | None = None
    """The decisions recorded with them; None: none were recorded."""


ANOTHER_ROBOT = "use weights of this embodiment, or train some"


def contract_digest(contract: dict[str, Any]) -> str:
    """sha256 over the canonical JSON of a policy contract."""
    return checksummed_json.digest(contract)


def save_weights(
    directory: str | Path,
    params: Parameters,
    config: GatoConfig,
    contract: Contract,
    extra: dict[str, Any] | None = None,
    others: Sequence[Contract] = (),
) -> None:
    """Write a policy for deployment; auxiliary heads are left out. A crash leaves the files before or refused ones.

    Args:
        others: contracts beside the first that a generalist was made for.

    Raises:
        ValueError: a parameter that is not finite, or shapes that are not the config's.
        SetupError: a vocabulary that was not loaded, or has more pieces than the table has rows.
    """
    directory, config = Path(directory), config.deployed()
    flat = flat_names({name: value for name, value in params.items() if name != "auxiliary"})
    flat = {name: np.asarray(jax.device_get(value), np.float32) for name, value in sorted(flat.items())}
    problem = _problem(flat, flat_names(parameter_shapes(config, token_layout(contract.spec, config))))
    if problem:
        raise ValueError(f"these parameters cannot be saved: {problem}")
    content, made_for = safetensors.numpy.save(flat), _made_for((contract, *others), config)
    record = {
        "schema": 1,
        "model": config.to_dict(),
        "embodiment": made_for[0],
        **({OTHERS: made_for[1:]} if made_for[1:] else {}),
        "parameters": {"count": count_parameters(flat), "sha256": hashlib.sha256(content).hexdigest()},
        "extra": extra or {},
    }
    text = checksummed_json.checksummed_text(record)
    # Before anything is written: a vocabulary of one's own goes with the weights, and must be loaded.
    vocabulary = vocabulary_of(config).content if config.vocabulary not in (None, PUBLISHED) else None
    directory.mkdir(parents=True, exist_ok=True)
    if vocabulary is None:
        (directory / VOCABULARY_FILE).unlink(missing_ok=True)
    else:
        write_whole(directory / VOCABULARY_FILE, vocabulary)
    write_whole(directory / PARAMETERS_FILE, content)
    write_whole(directory / CONFIG_FILE, text.encode())


def _made_for(contracts: Sequence[Contract], config: GatoConfig) -> list[dict[str, Any]]:
    """What weights and each of these contracts agree on; of those that say the same, the first one."""
    found: dict[str, dict[str, Any]] = {}
    for contract in contracts:
        agreed = contract.policy_contract(config.keys_of(contract.spec))
        digest = contract_digest(agreed)
        about = {"name": contract.name, "digest": contract.digest, "policy_digest": digest, "policy_contract": agreed}
        found.setdefault(digest, about)
    return list(found.values())


def renew_checksum(directory: str | Path, golden: list[dict[str, Any]] | None = None) -> None:
    """Compute the checksum in the config.json of `directory` again: after an edit on purpose, or where it has none.

    Args:
        golden: golden decisions to put into it; None leaves those that there are.

    Raises:
        SetupError: a record that is not complete, or parameters that are not those of the record.
    """
    directory = weights_folder(directory)
    record = _checked(directory, _parsed(directory))
    config_from_dict(record["model"])
    _check_parameters(directory, record, (directory / PARAMETERS_FILE).read_bytes())
    if golden is not None:
        record[GOLDEN] = golden
    write_whole(directory / CONFIG_FILE, checksummed_json.checksummed_text(record).encode())


def weights_config(directory: str | Path) -> GatoConfig:
    """The model's configuration in `directory`, without its parameters; SetupError if it is missing or damaged."""
    return config_from_dict(_read_record(weights_folder(directory))["model"])


def parameter_counts(directory: str | Path) -> dict[str, int]:
    """`parameters`: how many there are; `outside_table`: those beside the vocabulary's table, which is most of a small
    model. Reads names and shapes only; SetupError if there are no such weights."""
    path = weights_folder(directory) / PARAMETERS_FILE
    try:
        with safetensors.safe_open(path, "numpy") as file:
            counts = {name: int(np.prod(file.get_slice(name).get_shape())) for name in file.keys()}  # noqa: SIM118 (no dict)
    except safetensors.SafetensorError as error:
        raise _refused(path.parent, f"a safetensors file {PARAMETERS_FILE}", str(error)) from None
    return {"parameters": sum(counts.values()), "outside_table": sum(counts.values()) - counts.get("table", 0)}


def contract_names(directory: str | Path) -> tuple[str, ...]:
    """Of the contracts that weights were made for; SetupError where config.json is missing or damaged."""
    record = _read_record(weights_folder(directory))
    return tuple(str(one["name"]) for one in (record["embodiment"], *record.get(OTHERS, ())))


def check_fit(directory: str | Path, contract: Contract | None) -> tuple[dict[str, Any], GatoConfig]:
    """What is written beside weights, checked for this contract as `load_weights` does; parameters are not read.

    Raises:
        SetupError: weights for another robot, no or a damaged record, a vocabulary that is not at hand.
    """
    directory = weights_folder(directory)
    record = _read_record(directory)
    config = config_from_dict(record["model"])
    if contract is not None:
        check_contract(directory, [record["embodiment"], *record.get(OTHERS, ())], contract, config)
    elif not config.generalist:
        raise _refused(directory, "weights of a generalist, where no contract is named", "those of one contract")
    check_vocabulary(directory, config)
    return record, config


def load_weights(directory: str | Path, contract: Contract | None) -> Weights:
    """The policy in `directory`, or the shipped one of that name, checked from end to end.

    Args:
        contract: that it is to serve; None, of a generalist: none, it is only to write.

    Raises:
        SetupError: a missing or damaged file, an unknown key, weights for another robot, a wrong shape, a NaN.
    """
    directory = weights_folder(directory)
    record, config = check_fit(directory, contract)
    content = (directory / PARAMETERS_FILE).read_bytes()
    _check_parameters(directory, record, content)
    try:
        flat = safetensors.numpy.load(content)
    except safetensors.SafetensorError as error:
        raise _refused(directory, f"a safetensors file {PARAMETERS_FILE}", str(error)) from None
    layout = layout_without_spec(config) if contract is None else token_layout(contract.spec, config)
    problem = _problem(flat, flat_names(parameter_shapes(config, layout)))
    if problem:
        raise _refused(directory, "the parameters of its config.json", problem)
    digest = checksummed_json.digest({"model": record["model"], "parameters": record["parameters"]["sha256"]})
    return Weights(unflatten_dict(flat, sep="/"), config, record["extra"], digest, record.get(GOLDEN))


def check_vocabulary(directory: Path, config: GatoConfig) -> None:
    """Have the vocabulary of weights at hand; SetupError if another one lies beside them, or none is to be found."""
    path = directory / VOCABULARY_FILE
    if config.vocabulary is None:
        return
    if path.is_file() and load_vocabulary(path).digest != config.vocabulary:
        raise _refused(
            directory,
            f"sha256 {config.vocabulary[:12]}... of {VOCABULARY_FILE}",
            f"{load_vocabulary(path).digest[:12]}...",
        )
    # The published one is looked for when a text comes: a robot that is told nothing drives without its package.
    if config.vocabulary != PUBLISHED:
        vocabulary_of(config)


def check_contract(
    directory: Path, all_made_for: Sequence[dict[str, Any]], contract: Contract, config: GatoConfig
) -> None:
    """Refuse weights whose robot differs in anything that changes the meaning of a number."""
    made_for = next((one for one in all_made_for if one["name"] == contract.name), all_made_for[0])
    keys = config.keys_of(contract.spec)
    for key in keys:
        if key not in contract.spec.observations:
            raise SetupError(
                expected=f"the embodiment of {directory}, {made_for['name']} with {key}",
                got=f"{contract.name} without it",
                fix=ANOTHER_ROBOT,
            )
    have = contract.policy_contract(keys)
    if contract_digest(have) in [contract_digest(one["policy_contract"]) for one in all_made_for]:
        return
    if len(all_made_for) > 1 and made_for["name"] != contract.name:
        raise SetupError(
            expected=f"one of what {directory} was made for: {', '.join(one['name'] for one in all_made_for)}",
            got=contract.name,
            fix=ANOTHER_ROBOT,
        )
    where, expected, got = _difference(made_for["policy_contract"], have)
    raise SetupError(
        expected=f"the embodiment of {directory}, {made_for['name']} with {where} = {expected}",
        got=f"{contract.name} with {where} = {got}",
        fix=ANOTHER_ROBOT,
    )


def _difference(wanted: Any, have: Any, path: str = "") -> tuple[str, Any, Any]:
    if isinstance(wanted, dict) and isinstance(have, dict):
        for key in [*wanted, *have]:
            if wanted.get(key) != have.get(key):
                return _difference(wanted.get(key), have.get(key), f"{path}.{key}" if path else str(key))
    if isinstance(wanted, list) and isinstance(have, list) and len(wanted) == len(have):
        for i, (left, right) in enumerate(zip(wanted, have)):
            if left != right:
                return _difference(left, right, f"{path}[{i}]")
    return path, wanted, have


def _read_record(directory: Path) -> dict[str, Any]:
    """The record of config.json; its keys are looked at before its checksum, for their errors say more."""
    record = _checked(directory, _parsed(directory))
    try:
        checksummed_json.verified_record((directory / CONFIG_FILE).read_bytes())
    except ValueError as error:
        raise SetupError(
            expected=f"{CONFIG_FILE} in {directory} as it was saved",
            got=str(error),
            fix=f"fetch these weights again, or, if the change is wanted: python -m gato_ros seal {directory}",
        ) from None
    return record


def _parsed(directory: Path) -> dict[str, Any]:
    try:
        record = json.loads((directory / CONFIG_FILE).read_bytes().decode())
    except ValueError as error:
        raise _refused(directory, f"JSON in {CONFIG_FILE}", str(error)) from None
    if not isinstance(record, dict):
        raise _refused(directory, f"an object in {CONFIG_FILE}", type(record).__name__)
    return {key: value for key, value in record.items() if key != checksummed_json.KEY}


def _checked(directory: Path, record: dict[str, Any]) -> dict[str, Any]:
    for key in record:
        if key not in {*_KEYS, GOLDEN, OTHERS}:
            raise unknown_name(f"a key of {directory / CONFIG_FILE}", key, _KEYS)
    missing = sorted(_KEYS - set(record))
    sections = {"model": set(), "embodiment": {"name", "policy_contract"}, "parameters": {"sha256"}, "extra": set()}
    for name, keys in sections.items():
        if not isinstance(record.get(name), dict) or keys - set(record[name]):
            missing.append(name)
    if GOLDEN in record and not isinstance(record[GOLDEN], list):
        missing.append(GOLDEN)
    others = record.get(OTHERS, [])
    whole = isinstance(others, list) and all(
        isinstance(one, dict) and sections["embodiment"] <= set(one) for one in others
    )
    missing += [] if whole else [OTHERS]
    if missing or record["schema"] != 1:
        raise _refused(directory, f"a complete {CONFIG_FILE} of schema 1", f"no valid {', '.join(missing) or 'schema'}")
    return record


def _check_parameters(directory: Path, record: dict[str, Any], content: bytes) -> None:
    found, wanted = hashlib.sha256(content).hexdigest(), str(record["parameters"]["sha256"])
    if found != wanted:
        raise _refused(directory, f"sha256 {wanted[:12]}... of {PARAMETERS_FILE}", f"{found[:12]}...")


def _problem(flat: dict[str, np.ndarray], shapes: dict[str, Any]) -> str | None:
    """What is wrong with a flat tree of parameters; None if nothing is."""
    missing, extra = sorted(set(shapes) - set(flat)), sorted(set(flat) - set(shapes))
    if missing or extra:
        return f"missing {missing[:3]}, unknown {extra[:3]}"
    for name, value in flat.items():
        if value.shape != shapes[name].shape or value.dtype != np.float32:
            return f"{name} is {value.dtype}{list(value.shape)}, not float32{list(shapes[name].shape)}"
        if not np.isfinite(value).all():
            return f"{name} holds a value that is not finite"
    return None


def _refused(directory: Path, expected: str, got: str) -> SetupError:
    return SetupError(expected=f"{expected} in {directory}", got=got, fix="fetch or train these weights again")
