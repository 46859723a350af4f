"""`python -m gato_ros VERB`: the front door outside ROS.

Each verb is a module in this folder with a frozen dataclass `Options` (its fields are the flags, its
docstrings the help) and `run(options) -> dict`, whose result `--json FILE` writes. A verb's imports stay
inside `run`, so that `--help` is quick.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from functools import partial
from importlib.util import find_spec
from typing import Annotated, Any, Union

from gato_ros.cli.door import EXIT_CODES, REFUSED, REPORTED, SUCCESS, TRACEBACK, passed
from gato_ros.core.errors import SetupError, unknown_name
from gato_ros.core.files import write_json
from gato_ros.evaluation.option_checks import check_options

VERBS = {
    "sim": "the whole loop over ROS 2: simulator, policy and guard as nodes; leaves report.json and report.html",
    "record": "demonstrations over ROS 2: an operator drives, or the scripted expert; one MCAP file per episode",
    "collect": "demonstrations by the scripted expert in parallel processes, one MCAP file per episode",
    "train": "clone demonstrations into a Gato; checkpoints, resumes, measures closed-loop success",
    "policy": "a shipped policy from nothing: collect, train, DAgger, evaluate, model card; resumes where it stopped",
    "improve": "a policy past its teacher: rounds of driving, learning from its own outcomes, and measuring; resumes",
    "evaluate": "success rates of a policy over object sets, with Wilson intervals",
    "study": "success against demonstrations, model size, or few-shot fine-tuning; `adaptation`, `scaling`, `reliance`",
    "serve": "a policy for a robot's policy_node in another process or on another machine",
    "bench": "speed, peers and damaged files: `bench sim`, `step`, `start`, `train`, `guard`, `record-kill` ...",
    "guard": "checks of the guard: `guard fuzz`, `mutants`",
    "generate": "text that a trained Gato writes after a text, images, or both",
    "chat": "questions to a trained Gato, about a picture or without one, and its answers; several turns",
    "tokens": "one step of an episode as a readable table of tokens",
    "episodes": "recordings: `episodes ls`, `verify`, `repair`, `label`, `trash`, `stats`, `view`, `export`, `import`",
    "replay": "an incident again: tokens, proposals, verdicts and commands, and where the first differs",
    "faults": "the fault catalogue: what is noticed, what happens then, what has no test (docs/reference/safety.md)",
    "seal": "compute the checksum of weights again, after an edit of config.json or where they have none",
    "contract": "a robot's contract: whether its arm reaches its workspace, and how close it is to its limits there",
    "presets": "the model sizes and their parameter counts",
    "doctor": "what this machine has and what is missing; --robot: whether a running robot is ready to move",
}

ONLY_IN_THE_REPOSITORY = ("gato_ros.bench.guard", "gato_ros.bench.peers")
"""Packages that setup.py does not install."""


def help_text() -> str:
    """What `python -m gato_ros` prints."""
    lines = ["usage: python -m gato_ros VERB [options]     (VERB --help explains each)", ""]
    lines += [f"  {name:9} {text}" for name, text in VERBS.items()]
    lines += ["", "exit codes:", *(f"  {code:9} {text}" for code, text in EXIT_CODES.items())]
    return "\n".join([*lines, "", f"{TRACEBACK}=1 prints the traceback of an error, too."])


def main(arguments: list[str] | None = None) -> None:
    """Run one verb and exit; the codes are door.EXIT_CODES."""
    arguments = sys.argv[1:] if arguments is None else arguments
    raise SystemExit(passed(arguments[0] if arguments else "", lambda: _run(arguments)))


def _run(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help"):
        print(help_text())
        return SUCCESS if arguments else REFUSED
    verb, rest = arguments[0], arguments[1:]
    if verb not in VERBS:
        raise unknown_name("a verb", verb, VERBS)
    try:
        import tyro
    except ModuleNotFoundError:
        raise SetupError(
            expected="the packages of requirements/runtime.txt",
            got="a Python without tyro",
            fix="run `make venv` and use .venv/bin/python",
        ) from None
    module = importlib.import_module(f"gato_ros.cli.{verb}")
    # A verb whose defaults depend on one of its options has a `parse` of its own.
    parse = getattr(module, "parse", partial(tyro.cli, module.Options))
    options = parse(args=rest, prog=f"python -m gato_ros {verb}", description=module.__doc__)
    check_options(options)
    result = module.run(options)
    if getattr(options, "json", None):
        write_json(options.json, result)
    return SUCCESS if result.get("ok", True) else REPORTED


def options_of(modules: Mapping[str, str]) -> Any:
    """The options of a verb that has verbs of its own: one of those of the installed modules.

    Args:
        modules: name of such a verb -> its module, which has `Options` and `run` as every verb has.
    """
    import tyro

    found = {name: importlib.import_module(module) for name, module in modules.items() if is_installed(module)}
    return Union[
        tuple(
            Annotated[module.Options, tyro.conf.subcommand(name, description=module.__doc__)]
            for name, module in found.items()
        )
    ]


def is_installed(module: str) -> bool:
    """Whether a module's package is here; those that only the repository holds may not be."""
    package = next((one for one in ONLY_IN_THE_REPOSITORY if module.startswith(one)), None)
    return package is None or find_spec(package) is not None


def require_installed(verb: str, module: str) -> None:
    """SetupError where the module of `verb` is one that only the repository holds, and this is not it."""
    if not is_installed(module):
        raise SetupError(
            expected=f"a checkout of the repository for `{verb}`",
            got=f"an installed package, which leaves {module.rpartition('.')[0]} out",
            fix="clone the repository and run the same command there",
        )
