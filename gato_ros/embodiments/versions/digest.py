"""Digests of a contract: which robot recordings and weights are of, and which bounds a guard has."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gato_ros.embodiments.base_model import Strict
from gato_ros.embodiments.versions.implied import left_out_of_digest

ON_THE_WAY = {"namespace", "human_twist", "human_gripper", "arm_command_kind"}
"""Keys of the section `wire` that change no recorded number."""
NEWER_BOUNDS = ("neighbours", "base")
"""Optional keys of the section `guard` that schema 2 brought: part of no digest where they are not stated."""


def recorded_digest(contract: Strict, urdf: Path) -> str:
    """sha256 over the contract and its URDF, without what only guard or simulator use."""
    return _digest_without(contract, urdf, {"guard": True, "simulation": True, "wire": ON_THE_WAY})


def guard_digest(contract: Strict, urdf: Path, others: str) -> str:
    """sha256 over all that the guard can know and the URDF.

    Args:
        others: digests and geometry of the arms beside it; empty where it is alone.
    """
    content = contract.model_dump(mode="json")
    # The form of commands is left out where it is what it was before there was a choice: digests of old
    # recordings go on to hold.
    usual = {"arm_command_kind"} if content["wire"]["arm_command_kind"] == "joint_state" else set()
    unsaid = {name for name in NEWER_BOUNDS if content["guard"][name] is None}
    left_out = {"simulation": True, "wire": {"namespace", *usual}, "guard": unsaid}
    return _digest_without(contract, urdf, left_out, others.encode())


def _digest_without(contract: Strict, urdf: Path, left_out: Mapping[str, Any], more: bytes = b"") -> str:
    # In the words of schema 1 where they are enough: digests of old recordings and weights go on to hold.
    implied, as_before = left_out_of_digest(contract.model_dump(mode="json"))
    wire = {**dict.fromkeys(left_out["wire"], True), **implied.pop("wire")}
    said = contract.model_copy(update={"schema_": 1}) if as_before else contract
    text = said.model_dump_json(by_alias=True, exclude={**implied, **left_out, "wire": wire}).encode()
    return hashlib.sha256(text + urdf.read_bytes() + more).hexdigest()
