"""The policy's part of a replay: the recorded sensors through the tokeniser and the model again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gato_ros.core.errors import SetupError
from gato_ros.core.observation import Observation
from gato_ros.core.records.exact_json import decode
from gato_ros.core.timing.freshness import Sample
from gato_ros.embodiments.actions.hold import Standstill
from gato_ros.embodiments.actions.parts import places_of
from gato_ros.embodiments.decoders.channel_reader import ChannelReader
from gato_ros.embodiments.pictures.reader import PictureReader
from gato_ros.nodes.replay.layer import Layer

if TYPE_CHECKING:
    from gato_ros.core.policy import Policy
    from gato_ros.core.prompt import Prompt
    from gato_ros.embodiments import Embodiment
    from gato_ros.nodes.replay.wire import Wire

WHO = ("policy", "weights", "precision", "embodiment", "contract")
UNKNOWN_MEMORY = "the policy remembers steps from before the recording"
INPUT_LOST = "an input of the step was not recorded, or not used"


class PolicyReplay:
    """Takes the steps of one policy's journal again."""

    def __init__(self, wire: Wire, policy: Policy, robot: Embodiment, who: dict[str, Any], prompt_file: Path | None):
        self._wire, self._policy, self._robot, self._who = wire, policy, robot, who
        self._prompt_file, self._prompts = prompt_file, {}
        self.tokens = Layer("tokens", "what the tokeniser makes of the recorded sensors")
        self.proposal = Layer("proposal", "what the model proposes, and what was sent")
        # One that stands by joint positions stands where its first observation found the arm.
        stands = isinstance(policy, Standstill) and robot.arm_part.standstill is None
        self._remembers = policy.info.remembers or stands
        self._reach = policy.info.reach_steps
        self._known, self._warm = False, 0
        self._ids: list[int] | None = None
        """Of the newest action."""
        # To the bit only for the recorded weights: of others nobody asks for the last digit.
        self._exact = who["weights"] == policy.info.digest
        # Which policy these entries are of; before the first that says so, the one that comes next.
        self._about = next(
            (
                entry["about"]
                for entry in map(json.loads, (text for _, text in wire.policy_journal))
                if "about" in entry
            ),
            {},
        )

    def run(self) -> list[Layer]:
        """Every step in turn; the layers."""
        from rich.progress import track

        last, count = None, len(self._wire.policy_journal)
        for stamp_ns, text in track(self._wire.policy_journal, description="replaying steps", disable=count < 100):
            entry = json.loads(text)
            if last is not None and entry["n"] != last + 1:
                self._forget()
            last, self._about = entry["n"], entry.get("about", self._about)
            if any(self._about.get(name) != self._who.get(name) for name in WHO):
                self.proposal.skip("another policy was at work")
                self._forget()
            else:
                self._step(entry, self._wire.at_s(stamp_ns))
        return [self.tokens, self.proposal]

    def _forget(self) -> None:
        self._known, self._warm = not self._remembers, 0

    def _step(self, entry: dict[str, Any], at_s: float) -> None:
        if entry["since_reset"] == 0:
            self._policy.reset(self._prompt(self._about.get("prompt")))
            self._known = True
        observation = self._observation(entry)
        if observation is None:
            self._forget()
            self.tokens.skip(INPUT_LOST)
            return self.proposal.skip(INPUT_LOST)
        self._compare_tokens(entry, observation, at_s)
        if not (self._known or not self._remembers or self._take_up(entry, observation)):
            return self.proposal.skip(UNKNOWN_MEMORY)
        self._compare_proposal(entry, *self._act(entry, observation), at_s)

    def _observation(self, entry: dict[str, Any]) -> Observation | None:
        """As policy_node made it, of exactly the messages that it used."""
        from gato_ros.core.text import value_from_text
        from gato_ros.data import messages
        from gato_ros.nodes.messages.joint_state import arm_state, gripper_state
        from gato_ros.nodes.policy.observation_assembler import GRIPPER, JOINTS, ObservationAssembler

        assembler = ObservationAssembler(self._robot, self._policy.observation_keys, 0.0)
        states = {
            JOINTS: ("joints", arm_state),
            GRIPPER: ("gripper", gripper_state),
        }
        needed = {
            *assembler.image_keys,
            *assembler.listened,
            *([JOINTS] if assembler.needs_joints else []),
            *([GRIPPER] if assembler.needs_gripper else []),
        }
        if needed - set(entry["sources"]):
            return None  # other weights, which see more
        for name, stamp_s in entry["sources"].items():
            if name not in needed:
                continue
            role, read = states.get(name, (name, None))
            data = self._wire.inputs.get(role, {}).get(stamp_s)
            if data is None:
                return None
            if name in states:
                value = read(messages.read(messages.JOINT_STATE, data), self._robot)
            else:
                value = self._read(name, data)
            assembler.offer(name, Sample(value, stamp_s, 0.0))
        assembler.texts = {
            key: value_from_text(text, self._robot.observations[key].size_bytes) for key, text in entry["texts"].items()
        }
        return assembler.observation()

    def _read(self, key: str, data: bytes) -> np.ndarray:
        """A picture or another observation that is read from a topic of its own."""
        from gato_ros.data import messages

        channel = self._robot.observations[key]
        message = messages.read(channel.type, data)
        return (
            PictureReader(channel).picture(message)
            if channel.kind == "image"
            else ChannelReader(channel).value(message)
        )

    def _compare_tokens(self, entry: dict[str, Any], observation: Observation, at_s: float) -> None:
        if entry["ids"] is None or not hasattr(self._policy, "layout"):
            return self.tokens.skip("this policy has no tokens, or refused its observation")
        from gato_ros.models.tokenizer import tokenize

        tokens = tokenize(self._policy.layout, observation.values)
        ids, patches = tokens.ids.tolist(), tokens.patches_crc32
        if ids != entry["ids"]:
            where = next((i for i, pair in enumerate(zip(ids, entry["ids"])) if pair[0] != pair[1]), len(ids))
            self.tokens.compare(False, at_s, f"step {entry['n']}, value token {where}", entry["ids"], ids)
        else:
            self.tokens.compare(
                patches == entry["patches_crc32"],
                at_s,
                f"step {entry['n']}, crc32 of the patches",
                entry["patches_crc32"],
                patches,
            )

    def _take_up(self, entry: dict[str, Any], observation: Observation) -> bool:
        """Fill the memory from the steps recorded; whether this step can be judged."""
        if not self._reach or entry["action_ids"] is None:
            return False
        if self._warm == 0:
            self._policy.take_up(entry["since_reset"])
        self._warm += 1
        if self._warm <= self._reach:
            from gato_ros.models.tokenizer import tokenize

            self._policy.absorb(tokenize(self._policy.layout, observation.values), entry["action_ids"])
            return False
        self._known = self._warm > self._reach * (2 if self._exact else 1)
        if not self._known:
            self._act(entry, observation)
            if self._ids != entry["action_ids"]:
                self._warm = 0  # what it now remembers is not what was done
        return self._known

    def _act(self, entry: dict[str, Any], observation: Observation) -> tuple[np.ndarray | None, str | None]:
        """The action [values], or the failure, of one step."""
        if hasattr(self._policy, "ticks"):
            self._policy.ticks = entry["ticks"] - (entry["action_ids"] is not None)
        self._ids = None
        try:
            decision = self._policy.act(observation)
            vector, self._ids = decision.action.as_vector(), decision.trace and decision.trace.ids.tolist()
            if not np.isfinite(vector).all():
                raise FloatingPointError(f"the policy returned {vector}")
        except Exception as error:  # as policy_node catches it
            return None, f"{type(error).__name__}: {error}"
        return vector, None

    def _compare_proposal(
        self, entry: dict[str, Any], vector: np.ndarray | None, failure: str | None, at_s: float
    ) -> None:
        where = f"step {entry['n']}"
        if vector is None or entry["action"] is None:
            self.proposal.compare(
                failure == entry["failure"], at_s, where, entry["failure"] or decode(entry["action"]), failure or vector
            )
            return
        sent = None
        if entry["stamp_ns"] is not None:  # else it came too late to be proposed
            seconds, nanoseconds = divmod(entry["stamp_ns"], 10**9)
            sent = self._wire.proposals.get(seconds + nanoseconds * 1e-9)
        recorded = decode(entry["action"])
        if sent is not None and sent.tobytes() != self._on_wire(recorded).tobytes():
            recorded, vector, where = sent, self._on_wire(vector), f"{where}, on the wire"
        self.proposal.compare(recorded.tobytes() == vector.tobytes(), at_s, where, recorded, vector)

    def _on_wire(self, vector: np.ndarray) -> np.ndarray:
        """An action [values] as it is proposed: with an opening [m] for the gripper's value."""
        from gato_ros.embodiments.actions.opening import wanted_opening_m

        sent, place = np.array(vector, np.float64), places_of(self._robot.actions)["gripper"].start
        sent[place] = wanted_opening_m(self._robot, float(vector[place]))
        return sent

    def _prompt(self, wanted: dict[str, str] | None) -> Prompt | None:
        if wanted is None:
            return None
        if wanted["sha256"] + wanted["taken"] not in self._prompts:
            self._prompts[wanted["sha256"] + wanted["taken"]] = self._read_prompt(wanted)
        return self._prompts[wanted["sha256"] + wanted["taken"]]

    def _read_prompt(self, wanted: dict[str, str]) -> Prompt:
        from gato_ros.data.episodes.prompt import read_prompt

        path = self._prompt_file or Path(wanted["file"])
        for part in ("start", "end"):
            prompt = read_prompt(path, self._robot, self._policy.observation_keys, self._policy.info.prompt_steps, part)
            if prompt.digest == wanted["sha256"] and prompt.taken == wanted["taken"]:
                return prompt
        raise SetupError(
            expected=f"the prompt of sha256 {wanted['sha256'][:12]}, {wanted['taken']}",
            got=f"{path}, sha256 {prompt.digest[:12]}",
            fix="name its file with --prompt",
        )
