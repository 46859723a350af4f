"""Wrong inputs for every verb, made from the verbs' own Options: each field by its type and by what it means.

A case is a command whose other options are right. It is wrong in one place, or in two, or its environment is broken.
"""

from __future__ import annotations

import dataclasses
import importlib
import random
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import tyro

from gato_ros.cli import VERBS

LONG = "n" * 300
ODD = "\udcff\udcfe"
"""Bytes that are no UTF-8, as Python holds them."""

NUMBERS = {
    int: ("-9" + "9" * 30, "9" * 31, "-3000000000", "nan", "1.5", "", "x", "0x", "-1", "0"),
    float: ("nan", "inf", "-inf", "-1", "1e308", "-1e308", "", "x", "0"),
}
CUT_EPISODES = tuple(f"CUT{number}.mcap" for number in range(6))
SPOILED = ("FLIPPED.mcap", "BAG.mcap", "JUNK.mcap", "EMPTY.mcap")
ZERO_IS_RIGHT = {
    "seed", "closed_loop_seed", "closed_loop_every", "report_videos", "sample", "trials", "flips", "truncations",
    "warmup_steps", "token_noise_bins", "process", "final_share", "weight_decay", "average", "soft_sigma_bins",
    "dropout", "noise", "shard_episodes",
    "auxiliary_weight", "patch_weight", "brightness", "pixel_noise", "patch_dropout", "blind_share", "prompt_share",
    "return_share", "expert_share", "temperature", "patience", "step", "evaluation_seed", "demonstration_share",
}  # fmt: skip
RIGHT = {
    ("guard fuzz", "workers", "0"),
    ("guard mutants", "workers", "0"),
    ("tokens", "step", "-1"),
    # What is damaged can be listed by its summary, said something of, thrown away, and saved as far as it goes.
    *(("episodes trash", "files", one) for one in (*CUT_EPISODES, *SPOILED)),
    *(("episodes repair", "places", one) for one in (*CUT_EPISODES, "FLIPPED.mcap", "EMPTY_FOLDER")),
    ("episodes ls", "places", "FLIPPED.mcap"),
    ("episodes label", "places", "FLIPPED.mcap"),
    *(("doctor", "policy", one) for one in ("BAD_CONFIG", "LIST_CONFIG", "LATIN_CONFIG", "DEEP_CONFIG")),  # a finding
    *(("doctor", "policy", one) for one in ("CUT_PARAMS", "EMPTY_PARAMS", "JUNK_PARAMS")),
    *(("tokens", "policy", one) for one in ("CUT_PARAMS", "EMPTY_PARAMS", "JUNK_PARAMS")),  # only the layout is read
}
"""Verb, field and value that mean something."""
FILES = (
    "MISSING",
    "FOLDER",
    "EMPTY",
    "JUNK",
    "DANGLING",
    "LOOP",
    "BELOW_A_FILE",
    "/proc/self/mem",
    LONG,
    f"a{ODD}",
    "\0",
)
"""What no file to read is."""
TEXT_FILES = (*FILES, "LATIN", "DEEP", "NUMBER", "LIST", "FOREIGN", "YAML", "/dev/null")
FOLDERS = ("MISSING", "JUNK", "EMPTY_FOLDER", "DANGLING", "LOOP", "BELOW_A_FILE", "JUNK_FOLDER", LONG, f"a{ODD}", "\0")
NAMES = ("", "no_such", LONG, ODD, "\0", "a\nb", "../..", "JUNK", "EMPTY_FOLDER", "DANGLING", "LOOP", "*", "-")
OUT_FILES = (
    "EMPTY_FOLDER",
    "BELOW_A_FILE",
    "DANGLING",
    "DANGLING/x",
    "LOOP",
    "LOOP/x",
    "/proc/x",
    "/sys/x",
    LONG,
    "\0",
)
OUT_FOLDERS = ("JUNK", "BELOW_A_FILE", "DANGLING", "DANGLING/x", "LOOP", "LOOP/x", "/proc/x", "/sys/x", LONG, "\0")
EPISODES = (*FILES, *CUT_EPISODES, *SPOILED)
WEIGHTS = (*NAMES, "NO_CONFIG", "NO_PARAMS", "BAD_CONFIG", "LIST_CONFIG", "LATIN_CONFIG", "DEEP_CONFIG", "CUT_PARAMS")
WEIGHTS = (*WEIGHTS, "EMPTY_PARAMS", "JUNK_PARAMS", "FOLDER_PARAMS", "FILES_AS_FOLDERS")
CONTRACTS = (
    *NAMES,
    "LATIN",
    "DEEP",
    "NUMBER",
    "LIST",
    "FOREIGN",
    "YAML",
    "CUT.yaml",
    "TWICE.yaml",
    "NAN.yaml",
    "EMPTY",
)
TEXTS = (ODD, "\0", "a\0b")
KINDS: dict[str, tuple[str, ...]] = {
    "json": OUT_FILES,
    "ledger": (*OUT_FILES, "JUNK", "EMPTY"),
    "strip": OUT_FILES,
    "report": OUT_FILES,
    "page": OUT_FILES,
    "out": OUT_FOLDERS,
    "video": OUT_FOLDERS,
    "keep": OUT_FOLDERS,
    "prompt": EPISODES,
    "episode": EPISODES,
    "file": EPISODES,
    "places": (*EPISODES[:1], *EPISODES[2:], "EMPTY_FOLDER"),
    "files": EPISODES,
    "data": FOLDERS,
    "folders": tuple(value for value in WEIGHTS if value not in ("", "-")),
    "init": WEIGHTS,
    "policy": WEIGHTS,
    "embodiment": CONTRACTS,
    "against": TEXT_FILES,
    "result": TEXT_FILES,
    "parameters": tuple(value for value in TEXT_FILES if value not in ("EMPTY", "/dev/null")),
    "vocabulary": TEXT_FILES,
    "image": TEXT_FILES,
    "texts": TEXT_FILES,
    "peer_python": ("MISSING", "FOLDER", "DANGLING", "LOOP", "BELOW_A_FILE", LONG, "\0"),
    "peer_source": ("MISSING", "DANGLING", "LOOP", "BELOW_A_FILE", LONG, "\0"),
    "weights": ("", "no_such=1", "human", "human=", "human=nan", "human=-1", "human=inf", "=", ODD),
    "mesh": ("", "data", "data=0", "data=-1", "data=x", "rows=2", "data=999", "=,=", ODD, "data=2,data"),
    "coordinator": ("", "nobody", ODD),
    "address": ("", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000", ":7412", "a b:1", "192.0.2.1:7412", LONG, ODD, "\0"),
    "keys": FOLDERS,
    "observe": NAMES,
    "redo": NAMES,
    "rooms": NAMES,
    "sets": NAMES,
    "presets": NAMES,
    "precisions": NAMES,
    "without": NAMES,
    **dict.fromkeys(("task_text", "operator", "reason", "text", "note", "by", "namespace"), TEXTS),
    "compilation_cache": ("JUNK/x", "DANGLING/x", ODD, "\0"),
    "recordings": (),
    "environments": (),
}
"""Field -> what is wrong there. Fields of `str` that are not here are names of a closed set."""
EMPTY_IS_DEFAULT = {
    "precision": ("serve",),
    "policy": ("sim", "bench doctor", "bench start", "bench record-parity", "bench remote", "doctor"),
}
MAY_BE_EMPTY = {
    *("texts", "sets", "observe", "weights", "redo", "rooms", "without", "demonstrations", "image", "single_steps"),
}
"""Tuples that may hold nothing."""
BASE = {
    "collect": ("--out", "new"),
    "train": ("--data", "EPISODES", "--out", "new"),
    "policy": ("--recipe", "smoke", "--out", "new"),
    "improve": ("--policy", "WEIGHTS", "--data", "EPISODES", "--out", "new"),
    "evaluate": ("--policy", "hold", "--episodes", "2", "--json", "new.json"),
    "study": ("demonstrations", "--data", "EPISODES", "--out", "new", "--demonstrations", "2"),
    "bench peers": ("--peer-python", "PYTHON"),
    "generate": ("--policy", "TEXT_WEIGHTS"),
    "chat": ("--policy", "TEXT_WEIGHTS"),
    "serve": ("--policy", "hold", "--address", "127.0.0.1:0"),
    "tokens": ("one.mcap",),
    "episodes ls": ("EPISODES",),
    "episodes verify": ("EPISODES",),
    "episodes stats": ("EPISODES",),
    "episodes repair": ("EPISODES",),
    "episodes view": ("one.mcap", "--out", "new"),
    "episodes label": ("one.mcap", "--verdict", "success"),
    "episodes trash": ("one.mcap", "--reason", "bumped"),
    "episodes export": ("EPISODES", "--format", "hdf5", "--out", "new.hdf5"),
    "replay": ("INCIDENT.mcap",),
    "contract": (),
    "seal": ("WEIGHTS",),
    "doctor": ("--robot",),
    "record": ("--teleop", "expert", "--out", "new"),
}
"""What makes a command that would do its work."""
FAULTS = (
    "full_output",
    "no_output",
    "closed_pipe",
    "small_files",
    "few_files",
    "no_home",
    "no_temporary",
    "lost_folder",
)
FAULTS = (*FAULTS, "no_device", "odd_locale", "closed_streams")
QUICK = (
    "contract",
    "presets",
    "faults",
    "tokens",
    "episodes ls",
    "episodes stats",
    "episodes verify",
    "replay",
    "seal",
)
QUICK = (*QUICK, "episodes export", "episodes view", "episodes label", "episodes trash", "episodes repair", "evaluate")
QUICK = (*QUICK, "collect", "train", "study", "policy", "improve", "generate")


@dataclass(frozen=True)
class Field:
    """One option of a verb."""

    name: str
    kind: Any
    """The type, without its annotations."""
    positional: bool

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")


@dataclass(frozen=True)
class Case:
    """A command that has to be refused, or to do its work where only the environment is odd."""

    arguments: tuple[str, ...]
    fault: str = ""

    @property
    def name(self) -> str:
        shown = " ".join(argument if len(argument) < 60 else argument[:20] + "..." for argument in self.arguments)
        return ascii(shown + (f" [{self.fault}]" if self.fault else ""))[1:-1]


def verbs() -> dict[str, type]:
    """Every verb and sub-verb -> its Options."""
    found = {}
    for verb in VERBS:
        options = importlib.import_module(f"gato_ros.cli.{verb}").Options
        if dataclasses.is_dataclass(options):
            found[verb] = options
        for part in typing.get_args(options):
            kind, configuration = typing.get_args(part)[:2]
            found[f"{verb} {configuration.name}"] = kind
    return found


def fields(options: type, prefix: str = "") -> Iterator[Field]:
    """All options, those of nested dataclasses with a dot."""
    hints = typing.get_type_hints(options, include_extras=True)
    for one in dataclasses.fields(options):
        kind, positional, name = _plain(hints[one.name]), False, one.name
        for mark in getattr(hints[one.name], "__metadata__", ()):
            positional |= mark is tyro.conf.Positional
            name = getattr(mark, "name", None) or name
        if dataclasses.is_dataclass(kind):
            yield from fields(kind, f"{name}.")
        else:
            yield Field(f"{prefix}{name}", kind, positional)


def _plain(kind: Any) -> Any:
    """A type without annotations, and without None."""
    if typing.get_origin(kind) is typing.Annotated:
        return _plain(typing.get_args(kind)[0])
    parts = [part for part in typing.get_args(kind) if part is not type(None)]
    if typing.get_origin(kind) not in (tuple, Literal) and len(parts) == 1:
        return _plain(parts[0])
    return kind


def _member(kind: Any) -> Any:
    return _plain(typing.get_args(kind)[0]) if typing.get_origin(kind) is tuple else kind


def wrong_values(verb: str, field: Field) -> Iterator[str]:
    """What this option may not be."""
    kind, last = _member(field.kind), field.name.split(".")[-1]
    if kind in NUMBERS:
        for value in NUMBERS[kind]:
            if value in ("0", "") and kind in NUMBERS and value == "0" and last in ZERO_IS_RIGHT:
                continue
            if (verb, last, value) not in RIGHT:
                yield value
    elif typing.get_origin(kind) is Literal:
        yield from ("", "no_such", LONG, ODD, "\0", typing.get_args(kind)[0].upper())
    elif kind is Path or kind is str:
        for value in KINDS.get(last, NAMES if kind is str else FILES):
            if not (value == "" and verb in EMPTY_IS_DEFAULT.get(last, ())) and (verb, last, value) not in RIGHT:
                yield value


def one_wrong(verb: str, options: type) -> Iterator[Case]:
    """Each option wrong in each way, an unknown option, no value, and a list that is empty."""
    base = _base(verb)
    for field in fields(options):
        if field.kind is bool:
            yield Case((*base, field.flag, "maybe"))
            continue
        for value in wrong_values(verb, field):
            yield Case(_with(verb, field, value))
        if not field.positional and field.name not in MAY_BE_EMPTY:
            yield Case((*base, field.flag))
    yield Case((*base, "--no-such-option", "1"))
    yield Case((*base, "too", "many"))


def _base(verb: str) -> tuple[str, ...]:
    return (*verb.split(), *BASE.get(verb, ()))


def _with(verb: str, field: Field, value: str) -> tuple[str, ...]:
    """The verb's command with this value in the place of its own."""
    base = list(_base(verb))
    if field.positional:
        count = len(verb.split())
        if len(base) > count and not base[count].startswith("-"):
            base[count] = value
        else:
            base.insert(count, value)
        return tuple(base)
    return (
        (*base, f"{field.flag}={value}") if field.kind is str or value.startswith("-") else (*base, field.flag, value)
    )


def broken_environments() -> Iterator[Case]:
    for verb in QUICK:
        for fault in FAULTS:
            yield Case(_base(verb), fault)
            yield Case((*_base(verb), "--json", "result.json"), fault)


def two_wrong(found: dict[str, type], rng: random.Random) -> Iterator[Case]:
    """For ever: a wrong option and a second one, both of one verb."""
    names = sorted(found)
    while True:
        verb = rng.choice(names)
        options = [field for field in fields(found[verb]) if field.kind is not bool and not field.positional]
        first, second = rng.sample(options, 2) if len(options) > 1 else (options[0], options[0])
        values = [list(wrong_values(verb, field)) for field in (first, second)]
        if all(values):
            arguments = _with(verb, first, rng.choice(values[0]))
            yield Case((*arguments, *_with(verb, second, rng.choice(values[1]))[len(_base(verb)) :]))


def cases(seed: int, at_least: int) -> list[Case]:
    """All single faults, and as many double ones as it takes; the same for the same seed."""
    found, rng = verbs(), random.Random(seed)
    singles = [case for verb, options in found.items() for case in one_wrong(verb, options)]
    made = list(dict.fromkeys([*singles, *broken_environments()]))
    doubles = two_wrong(found, rng)
    while len(made) < at_least:
        made.append(next(doubles))
    return made
