"""One episode on disk: a single MCAP file with the raw messages and the aligned frames the policy saw.

Every message of step i has `sequence == i` and `log_time ==` the observation's stamp. The raw messages are on
the contract's topics; beside them stand the label (the contract's proposal topics), what was executed, and:

- `aligned/observation` (Float32MultiArray): the contract vectors exactly as the policy saw them;
- `aligned/privileged` (Float64MultiArray): ground truth; dtype and shape are in the channel's metadata.
- `aligned/tick` (String): in a recording over ROS, who was in command, how old everything was, and why, as JSON.

A recording over ROS also holds every message as it came, on the absolute name of its topic with the role `raw`.
Each channel's metadata has its `role` (and an image's contract `key`), so that a file reads without its contract.
Two MCAP metadata records, `episode` and `outcome`, hold JSON values by key.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from gato_ros.core.action import Action
from gato_ros.core.observation import Observation
from gato_ros.data import messages
from gato_ros.data.episodes import channel_roles as roles
from gato_ros.data.episodes.action_messages import ARM, BASE, GRIPPER, action_messages
from gato_ros.data.mcap_file import SUFFIX, McapFile, as_text
from gato_ros.embodiments import Embodiment
from gato_ros.version import __version__

SCHEMA_VERSION = 1
OBSERVATION_TOPIC, PRIVILEGED_TOPIC, TICK_TOPIC = "aligned/observation", "aligned/privileged", "aligned/tick"
EXECUTED = {ARM: "executed/twist", GRIPPER: "executed/gripper", BASE: "executed/base"}
"""Part of what was executed -> its topic."""

__all__ = ["SCHEMA_VERSION", "SUFFIX", "EpisodeWriter"]


class EpisodeWriter:
    """Writes `folder/.partial/name.mcap`; `close` makes it `folder/name.mcap` at once and whole.

    Leaving the with-block without `close` (an exception, Ctrl-C) discards the file.
    """

    def __init__(
        self, folder: Path, name: str, embodiment: Embodiment, metadata: Mapping[str, object], reserve_bytes: int = 0
    ):
        """Raises SetupError if the episode exists, ValueError if `metadata` is not JSON or takes a reserved key."""
        own = {
            "embodiment": embodiment.name,
            "contract_digest": embodiment.digest,
            "schema_version": SCHEMA_VERSION,
            "package_version": __version__,
        }
        if taken := own.keys() & metadata.keys():
            raise ValueError(f"metadata keys {sorted(taken)} are written by the recorder itself")
        record = as_text({**own, **metadata})
        self._file = McapFile(folder, name, "episode", reserve_bytes=reserve_bytes)
        self._file.add_metadata("episode", record)
        self.path, self._embodiment = self._file.path, embodiment
        self._vector_keys: tuple[str, ...] | None = None
        self._privileged_spec: dict[str, str] = {}
        self._sources = {
            channel.source: key for key, channel in embodiment.observations.items() if channel.kind != "image"
        }

    def __enter__(self) -> EpisodeWriter:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.discard()

    def add(
        self,
        step: int,
        observation: Observation,
        action: Action,
        executed: Action,
        privileged: Mapping[str, np.ndarray] | None = None,
        tick: Mapping[str, object] | None = None,
    ) -> None:
        """One tick. Either all images of the contract are there or none; vectors are the same keys every tick.

        Args:
            tick: JSON values about the step; in every step or in none.

        Raises:
            ValueError: a value that does not have the contract's shape and dtype, or a set of keys that changed.
        """
        privileged = observation.privileged if privileged is None else privileged
        images, vectors = self._split(observation)
        spec = {key: f"{np.asarray(value).dtype} {json.dumps(np.shape(value))}" for key, value in privileged.items()}
        if self._vector_keys is None:
            self._vector_keys, self._privileged_spec = tuple(vectors), spec
        elif self._vector_keys != tuple(vectors) or self._privileged_spec != spec:
            raise ValueError(
                f"step {step} has other keys, shapes or dtypes than the first: {sorted(vectors)} and "
                f"{spec}, not {sorted(self._vector_keys)} and {self._privileged_spec}"
            )
        self._at = (step, round(observation.stamp_s * messages.NANOSECONDS))
        for key, pixels in images.items():
            channel = self._embodiment.cameras[key]
            self._put(
                channel.topic,
                messages.IMAGE,
                messages.image(pixels, self._at[1], channel.frame_id or ""),
                role="image",
                key=key,
            )
        self._put_states(vectors)
        arm, gripper = self._embodiment.proposal_topics
        self._put_action({ARM: arm, GRIPPER: gripper, BASE: self._embodiment.base_topics[0]}, action, "label")
        self._put_action(EXECUTED, executed, "executed")
        if privileged:
            self._put(
                PRIVILEGED_TOPIC,
                messages.FLOAT64_ARRAY,
                messages.labelled_array(messages.FLOAT64_ARRAY, privileged),
                role="privileged",
                **spec,
            )
        if tick is not None:
            self._put(TICK_TOPIC, messages.STRING, messages.text(json.dumps(tick, allow_nan=False)), role=roles.TICK)
        # Last of its step: a step counts when this message is there.
        self._put(
            OBSERVATION_TOPIC,
            messages.FLOAT32_ARRAY,
            messages.labelled_array(messages.FLOAT32_ARRAY, vectors),
            role="observation",
        )

    def add_raw(
        self, topic: str, message_type: str, data: bytes, stamp_ns: int, sequence: int, metadata: Mapping[str, str]
    ) -> None:
        """A message as it came; `metadata` says what it is to the loop, by `of` and an image's `key`."""
        self._file.add(topic, message_type, data, stamp_ns, sequence, {"role": roles.RAW, **metadata})

    def add_record(self, name: str, record: Mapping[str, object]) -> None:
        """JSON values that became known while recording, as a metadata record of their own."""
        self._file.add_metadata(name, as_text(record))

    @property
    def file(self) -> McapFile:
        """For whoever decides when it is flushed, synced or left."""
        return self._file

    def close(self, outcome: Mapping[str, object]) -> Path:
        """Finish the file, put it on the disk and give it its name; the path."""
        if self._vector_keys is None:
            raise ValueError("an episode needs at least one step")
        self._file.add_metadata("outcome", as_text(outcome))
        return self._file.close()

    def _split(self, observation: Observation) -> tuple[dict, dict]:
        images, vectors = {}, {}
        for key in sorted(observation.values):
            channel, value = self._embodiment.channel(key), observation.values[key]
            dtype = np.uint8 if channel.kind == "image" else np.float32
            if value.shape != channel.shape or value.dtype != dtype:
                raise ValueError(
                    f"{key} is {np.dtype(dtype)} {channel.shape} by contract, got {value.dtype} {value.shape}"
                )
            (images if channel.kind == "image" else vectors)[key] = value
        if images and len(images) != len(self._embodiment.image_keys):
            raise ValueError(f"a step has all images {self._embodiment.image_keys} or none, got {tuple(images)}")
        return images, vectors

    def _put_states(self, vectors: Mapping[str, np.ndarray]) -> None:
        wire, stamp_ns = self._embodiment.wire, self._at[1]
        position, velocity, opening = (
            vectors.get(self._sources.get(source, ""))
            for source in ("joint_position", "joint_velocity", "gripper_opening")
        )
        if position is not None or velocity is not None:
            self._put(
                wire.joint_states.topic,
                messages.JOINT_STATE,
                messages.joint_state(self._embodiment.arm.joints, stamp_ns, position, velocity),
                role="state",
            )
        if opening is not None:
            self._put(
                wire.gripper_states.topic,
                messages.JOINT_STATE,
                messages.joint_state([self._embodiment.gripper.joint], stamp_ns, opening),
                role="state",
            )

    def _put_action(self, topics: Mapping[str, str], action: Action, role: str) -> None:
        for part, (message_type, data, about) in action_messages(self._embodiment, action, self._at[1]).items():
            self._put(topics[part], message_type, data, role=role, **about)

    def _put(self, topic: str, message_type: str, data: memoryview, **metadata: str) -> None:
        step, stamp_ns = self._at
        if topic.startswith("/"):  # there the messages lie as they came, perhaps of another type
            topic = f"aligned{topic}"
        self._file.add(topic, message_type, data, stamp_ns, step, metadata)
