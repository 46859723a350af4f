"""Commands and Python that the pages show and no test runs: options, nodes, parameters and imports exist."""

import ast
import dataclasses
import importlib
import re
import shlex
from pathlib import Path

import pytest
import tyro

from gato_ros.cli import VERBS
from gato_ros.nodes.runtime import launch_plan, parameters, two_robots
from tests.docs.pages import ROOT, all_pages, blocks, inline_code, makefile_targets

OURS = re.compile(r"\s*(\.venv/bin/)?(python -m gato_ros|make [a-z]|ros2 (run|launch) gato)")
SHELL = ("bash", "sh", "")
NODES = {path.stem for path in (ROOT / "gato_ros/nodes").glob("*.py")} - {"__init__"}


def commands(page: Path) -> list[str]:
    """Lines of shell blocks and code in sentences that call something of ours."""
    texts = [block.text.replace("\\\n", " ") for block in blocks(page) if block.language in SHELL]
    lines = [line for text in texts for line in text.splitlines()] + inline_code(page)
    return [
        line
        for line in lines
        if re.match(r"\s*(\.venv/bin/)?(python -m gato_ros|make [a-z]|ros2 (run|launch) gato)", line)
    ]


CASES = [(page, line.strip()) for page in all_pages() for line in dict.fromkeys(commands(page))]


def parse_verb(words: list[str]) -> None:
    """As `python -m gato_ros WORDS` would, and no further."""
    if not words or words[0] == "VERB":
        return
    assert words[0] in VERBS
    module = importlib.import_module(f"gato_ros.cli.{words[0]}")
    if words[1:] and words[1:] != ["--help"]:
        getattr(module, "parse", lambda args: tyro.cli(module.Options, args=args))(args=words[1:])


def check_node(name: str, words: list[str]) -> None:
    """The node exists, and has the parameters that `-p` sets."""
    assert name in NODES
    kind = getattr(parameters, name.removesuffix("_node").split("_")[-1].title() + "Parameters")
    known = {field.name for field in dataclasses.fields(kind)} | {"use_sim_time"}
    assert {word.split(":=")[0] for word, before in zip(words[1:], words) if before == "-p"} <= known


@pytest.mark.parametrize(("page", "line"), CASES, ids=[f"{p.stem}: {line[:70]}" for p, line in CASES])
def test_command_is_known(page, line):
    words = shlex.split(line.split(" | ")[0], comments=True)
    if "..." in words:
        return  # an ellipsis stands for options of one's own
    if words[0] == "make":
        assert words[1] in makefile_targets()
        for word in words[2:]:
            if word.startswith("ARGS="):
                parse_verb([words[1], *shlex.split(word.removeprefix("ARGS="))])
    elif words[0] == "ros2" and words[1] == "launch":
        known = set(two_robots.TWO_ARGUMENTS if words[3].startswith("two_robots") else launch_plan.ARGUMENTS)
        assert {word.split(":=")[0] for word in words[4:] if ":=" in word} <= known
    elif words[0] == "ros2":
        check_node(words[3], words)
    elif words[2] == "gato_ros":
        parse_verb(words[3:])
    elif not words[2].startswith("gato_ros.nodes."):
        assert callable(importlib.import_module(words[2]).main)
    else:
        check_node(words[2].rsplit(".", 1)[1], words)


def test_wrong_option_is_found():
    with pytest.raises(SystemExit):
        parse_verb(["sim", "--episode-count", "3"])
    with pytest.raises(AssertionError):
        check_node("guard_node", ["-p", "rate:=20"])


PYTHON = [block for page in all_pages() for block in blocks(page) if block.language == "python"]


@pytest.mark.parametrize("block", PYTHON, ids=lambda block: block.place)
def test_python_block_imports_what_exists(block):
    for node in ast.walk(ast.parse(block.text)):
        if isinstance(node, ast.ImportFrom) and node.module.startswith("gato_ros"):
            module = importlib.import_module(node.module)
            assert [name.name for name in node.names if not hasattr(module, name.name)] == []
