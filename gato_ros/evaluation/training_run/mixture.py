"""`train --mixture FILE`: what one set of weights is trained on, read from a file."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_type_hints

from pydantic import Field, create_model

from gato_ros.core.errors import SetupError, unknown_name
from gato_ros.domains.domain_file import is_file
from gato_ros.domains.registry import DOMAINS, SCENES, STACKING, WRITTEN, load_domain
from gato_ros.embodiments.base_model import Strict
from gato_ros.embodiments.validation import validated
from gato_ros.embodiments.yaml_file import YamlFile, read_yaml
from gato_ros.training.mixture.config import OF_THE_WHOLE, MixtureConfig
from gato_ros.training.mixture.writing_config import WritingConfig
from gato_ros.training.sequence_config import SequenceConfig

if TYPE_CHECKING:
    from gato_ros.core.contract import Contract
    from gato_ros.data.episodes.recording import Recording
    from gato_ros.evaluation.training_run.streaming import Chosen, Room
    from gato_ros.models.config import GatoConfig
    from gato_ros.models.layout import TokenLayout
    from gato_ros.training.mixture import Mixture
    from gato_ros.training.mixture.writing import Writing
    from gato_ros.training.sequence import Sequences
    from gato_ros.training.supervision import Supervision

WHAT, EXAMPLE = "a mixture", "docs/how-to/generalist.md"


def _numbers(kind: type, without: Collection[str]) -> dict[str, Any]:
    """The fields of a configuration that a file may set, as pydantic wants them."""
    hints = get_type_hints(kind)
    return {one.name: (hints[one.name], one.default) for one in fields(kind) if one.name not in without}


class PartSection(Strict):
    """A part, as the file says it."""

    domain: str
    data: tuple[str, ...]
    tasks: Literal["all"] | tuple[str, ...] = "all"
    embodiment: str = "sawyer_rgb_stacking_told"
    observe: tuple[str, ...] = ()
    weight: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    limit: Annotated[int, Field(ge=2)] | None = None


_SEQUENCE, _WRITING = _numbers(SequenceConfig, OF_THE_WHOLE), _numbers(WritingConfig, ())
_Part = create_model("_Part", __base__=PartSection, **{**_WRITING, **_SEQUENCE})
_OF_WRITING = {"domain", "data", "tasks", "weight", "limit", *_WRITING}
"""What a part of a domain in words may say; a text has no tasks."""
_ONLY_WRITING = set(_WRITING) - set(_SEQUENCE)
_File = create_model(
    "_File",
    __base__=Strict,
    model=(str, "gato_generalist"),
    parts=(dict[str, _Part], ...),
    **_numbers(MixtureConfig, ("parts",)),
)


@dataclass(frozen=True)
class PartPlan:
    """One part of the file."""

    name: str
    domain: str
    tasks: tuple[str, ...]
    """Of the domain; all of one spec. Of the robot none: its data say what the tasks are."""
    embodiment: str
    """Of the robot's domain: name or path of its contract."""
    observe: tuple[str, ...]
    """What the model reads of the spec; (): all."""
    data: tuple[Path, ...]
    weight: float
    limit: int | None
    """Take the first so many episodes of each folder."""
    sequences: SequenceConfig | WritingConfig

    def contracts(self) -> list[Contract]:
        """Of its tasks, or of its robot."""
        if self.domain == STACKING:
            from gato_ros.embodiments import load_embodiment

            return [load_embodiment(self.embodiment)]
        domain = load_domain(self.domain)
        return [domain.contract(task) for task in self.tasks]

    def supervision(self) -> Supervision:
        """What is known beside the actions."""
        if self.domain == STACKING:
            from gato_ros.domains.rgb_stacking.supervision import StackingSupervision
            from gato_ros.embodiments import load_embodiment

            return StackingSupervision.of(load_embodiment(self.embodiment))
        return load_domain(self.domain).supervision(self.tasks[0])

    def recordings(self) -> tuple[list[Recording], list[Recording], dict[str, int]]:
        """To train on, to hold out, and the count of steps by folder."""
        from gato_ros.evaluation.training_run.data import VALIDATION_SHARE, domain_recordings, training_recordings
        from gato_ros.training.mixing import mixing_weights

        assert isinstance(self.sequences, SequenceConfig), "a part of another kind has `writing`"
        share = self.sequences.return_share
        if self.domain == STACKING:
            from gato_ros.embodiments import load_embodiment
            from gato_ros.evaluation.training_run.data_check import check_data
            from gato_ros.evaluation.training_run.start import check_arm

            robot = load_embodiment(self.embodiment)
            check_arm(self.data, robot)
            check_data(self.data, False, robot, self.observe or robot.observation_keys)
            single = self.sequences.length == 1
            return training_recordings(
                self.data, self.limit, share, VALIDATION_SHARE, mixing_weights(()), snapshots=single
            )
        spec = self.contracts()[0].spec
        return domain_recordings(self.data, spec, self.tasks, self.limit, share, VALIDATION_SHARE)

    def streamed(self, room: Room) -> Chosen | None:
        """As `recordings`, in their shards, where they have no room in memory."""
        from gato_ros.evaluation.training_run.data import VALIDATION_SHARE
        from gato_ros.evaluation.training_run.streaming import streamed_tasks

        assert isinstance(self.sequences, SequenceConfig), "a part of another kind has `writing`"
        if self.domain == STACKING:
            return None
        spec, share = self.contracts()[0].spec, self.sequences.return_share
        return streamed_tasks(self.data, spec, self.tasks, self.limit, share, VALIDATION_SHARE, room)

    def learned(
        self, model: GatoConfig, layout: TokenLayout, known: Supervision, room: Room
    ) -> tuple[Sequences | Writing, dict[str, int]]:
        """The sequences with their data in place, and the count of steps by folder, or of tokens by source of text.

        Args:
            room: memory for demonstrations, which becomes less by those of this part.
        """
        from gato_ros.evaluation.training_run.writing import sources
        from gato_ros.training.batches.streamed import StreamedWindows
        from gato_ros.training.mixture.writing import Writing
        from gato_ros.training.sequence import Sequences
        from gato_ros.training.windows import Windows

        if isinstance(self.sequences, WritingConfig):
            both, counts = sources(self.domain, self.tasks, self.data, self.limit, model)
            return Writing(self.sequences, model, layout, *both), counts
        if (found := self.streamed(room)) is not None:
            *parts, counts = found
            streamed = [StreamedWindows.of(steps, layout, known, bool(model.auxiliary)) for steps in parts]
            return Sequences(self.sequences, model, layout, *streamed), counts
        training, validation, counts = self.recordings()
        windows = [Windows.of(some, layout, known, None, bool(model.auxiliary)) for some in (training, validation)]
        return Sequences(self.sequences, model, layout, *windows), counts


@dataclass(frozen=True)
class MixturePlan:
    """The whole file."""

    preset: str
    config: MixtureConfig
    parts: tuple[PartPlan, ...]
    base: GatoConfig | None = None
    """The model, in place of the preset's."""

    def model(self) -> GatoConfig:
        """The preset with what all parts show, and the heads of all that is known."""
        from gato_ros.models.presets import PRESETS

        base = self.base or PRESETS[self.preset]
        supervisions = [part.supervision() for part in self.parts]
        names, patches = (
            tuple(dict.fromkeys(name for known in supervisions for name in getattr(known, which)))
            for which in ("auxiliary_names", "patch_names")
        )
        keys = {
            key
            for part in self.parts
            for contract in part.contracts()
            for key in part.observe or tuple(contract.spec.observations)
        }
        # The preset's crop is that of the robot's cameras; the pictures of another domain are read whole.
        screens = {
            key
            for part in self.parts
            if part.domain not in (STACKING, *WRITTEN)
            for contract in part.contracts()
            for key, spec in contract.spec.observations.items()
            if spec.kind == "image" and key in keys
        }
        model = replace(
            base,
            observation_keys=tuple(sorted(keys)),
            uncropped=tuple(sorted(screens)),
            auxiliary=names,
            auxiliary_early_layer=max(1, base.layers // 2) if names else 0,
            patch_auxiliary=patches,
        )
        return replace(model, single_steps=self._single_steps(model))

    def _single_steps(self, model: GatoConfig) -> tuple[tuple[str, ...], ...]:
        """What is observed in the parts of single steps, as `GatoConfig` has it; SetupError where another part of the
        same observations has longer sequences."""
        lengths: dict[tuple[str, ...], dict[bool, str]] = {}
        for part in self.parts:
            if isinstance(part.sequences, SequenceConfig):
                keys = model.keys_of(part.contracts()[0].spec)
                lengths.setdefault(keys, {})[part.sequences.length == 1] = part.name
        for both in lengths.values():
            if len(both) == 2:
                raise SetupError(
                    expected=f"length 1 in {both[True]} and {both[False]}, or in none of them",
                    got="different lengths, where both observe the same",
                    fix="give them one length: from what it observes a policy knows whether to remember",
                )
        return tuple(sorted(keys for keys, both in lengths.items() if True in both))

    def objective(self, model: GatoConfig, room: Room | None = None) -> tuple[Mixture, dict[str, int]]:
        """The parts with their data in place, and the count of steps by folder.

        Args:
            room: memory for demonstrations; None: without end.
        """
        from gato_ros.evaluation.training_run.streaming import Room
        from gato_ros.models.layout import token_layout
        from gato_ros.training.mixture.objective import Mixture, Part
        from gato_ros.training.mixture.wide_truth import OneOfMany

        made, data = [], {}
        room = room or Room(float("inf"), False)
        for part in self.parts:
            known = OneOfMany(part.supervision(), model)
            layout = token_layout(part.contracts()[0].spec, model)
            sequences, counts = part.learned(model, layout, known, room)
            made.append(Part(part.name, sequences, known))
            data.update({f"{part.name}: {folder}": count for folder, count in counts.items()})
        return Mixture(self.config, model, tuple(made)), data


def read_mixture(path: Path) -> MixturePlan:
    """The file at `path`, checked before any data is read.

    Raises:
        SetupError: with key and line: an unknown one, a value out of range, tasks whose specs differ.
    """
    from gato_ros.models.presets import PRESETS

    file = read_yaml(path, WHAT, EXAMPLE)
    given: Any = validated(_File, file, WHAT, EXAMPLE)
    general = [name for name, model in PRESETS.items() if model.generalist]
    if given.model not in general:
        raise unknown_name(f"a preset of a generalist at {file.where('model')} of {path}", given.model, general)
    if not given.parts:
        raise _refused(file, ("parts",), "at least one part", "none")
    parts = tuple(_part(file, name, section) for name, section in given.parts.items())
    numbers = {field.name: getattr(given, field.name) for field in fields(MixtureConfig) if field.name != "parts"}
    config = MixtureConfig(tuple((part.name, part.weight, part.sequences) for part in parts), **numbers)
    return MixturePlan(given.model, config, parts)


def _part(file: YamlFile, name: str, given: Any) -> PartPlan:
    if given.domain not in DOMAINS and not is_file(given.domain):
        raise unknown_name(f"a domain at {file.where('parts', name, 'domain')}", given.domain, DOMAINS)
    tasks = () if given.domain == STACKING else _tasks(file, ("parts", name, "tasks"), given)
    if idle := sorted(_idle(given)):
        where, expected = ("parts", name, idle[0]), f"keys of a part of {given.domain}"
        raise _refused(file, where, expected, f"{idle[0]}, which counts for nothing there")
    return PartPlan(
        name,
        given.domain,
        tasks,
        given.embodiment,
        given.observe,
        tuple(map(Path, given.data)),
        given.weight,
        given.limit,
        _numbers_of(given),
    )


def _idle(given: Any) -> set[str]:
    """Keys of a part that count for nothing in its domain."""
    if given.domain not in WRITTEN:
        return given.model_fields_set & _ONLY_WRITING
    return given.model_fields_set - (_OF_WRITING if given.domain == SCENES else _OF_WRITING - {"tasks"})


def _numbers_of(given: Any) -> SequenceConfig | WritingConfig:
    """Those of steps, or those of text, whose defaults are others."""
    if given.domain not in WRITTEN:
        return SequenceConfig(**{key: getattr(given, key) for key in _SEQUENCE})
    return WritingConfig(**{key: getattr(given, key) for key in _WRITING if key in given.model_fields_set})


def _tasks(file: YamlFile, where: tuple[str, ...], given: PartSection) -> tuple[str, ...]:
    domain = load_domain(given.domain)
    tasks = tuple(domain.tasks) if given.tasks == "all" else given.tasks
    for task in tasks:
        if task not in domain.tasks:
            raise unknown_name(f"a task of {domain.name} at {file.where(*where)}", task, domain.tasks)
    if not tasks:
        raise _refused(file, where, "all, or names of tasks", "none")
    specs = {domain.contract(task).spec.digest: task for task in reversed(tasks)}
    if len(specs) > 1:
        raise _refused(file, where, "tasks of one spec in a part", f"different ones: {', '.join(specs.values())}")
    return tasks


def _refused(file: YamlFile, where: tuple[str, ...], expected: str, got: str) -> SetupError:
    return SetupError(
        expected=f"{expected} at {'.'.join(where)} in {file.path}",
        got=f"{got}, {file.where(*where)}",
        fix=f"see {EXAMPLE}",
    )
