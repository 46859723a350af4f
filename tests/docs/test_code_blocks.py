"""What README and tutorials tell a newcomer to type is typed here, in one folder, page after page.

A comment above a block makes it smaller (`<!-- test: "1000" becomes "2" -->`) or says why it is not run. `make sim`
runs what the Makefile has for it, with the interpreter of the tests. A line of an earlier page is not run again.
"""

import os
import re
import subprocess
import sys

import pytest
import yaml

from gato_ros.embodiments import load_embodiment
from tests.docs.pages import ROOT, VERB_TARGET, blocks, newcomer_pages
from tests.ros.conftest import is_busy

PAGES = newcomer_pages()
BLOCKS = [block for page in PAGES for block in blocks(page)]
VERBS = set(VERB_TARGET.findall((ROOT / "Makefile").read_text()))
PRELUDE = f"""set -euo pipefail
python() {{ "{sys.executable}" "$@"; }}
make() {{
    local target="$1" ARGS=""
    case " {" ".join(sorted(VERBS))} " in *" $target "*) ;; *) echo "make $target is no verb" >&2; return 2 ;; esac
    case "${{2-}}" in ARGS=*) ARGS="${{2#ARGS=}}" ;; ?*) echo "make $target: what is $2?" >&2; return 2 ;; esac
    # What drives an arm in real time needs the optimisations that other tests do without.
    if [ "$target" = sim ]; then local -x JAX_DISABLE_MOST_OPTIMIZATIONS=0 XLA_FLAGS=; fi
    eval "python -m gato_ros $target $ARGS"
}}
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with links to what a clone holds, and the blocks that were run in it."""
    folder = tmp_path_factory.mktemp("newcomer")
    for name in ("gato_ros", "models", "sim", "launch", "examples", "tests"):
        (folder / name).symlink_to(ROOT / name)
    return folder, set()


def pieces(block) -> list[str]:
    """What is not run twice: a Python block, or a line of a shell block that is a whole command."""
    if block.language == "python":
        return [f"python - <<'END_OF_BLOCK'\n{block.quick}END_OF_BLOCK"]
    return block.quick.replace(".venv/bin/python", "python").splitlines()


def script(page_blocks, done: set[str]) -> str:
    """One shell program of a page's blocks, which says where it is; without what was run before."""
    parts = [PRELUDE]
    for block in page_blocks:
        parts += [f"echo '@@ {block.place}'", *(piece for piece in pieces(block) if piece not in done)]
    return "\n".join([*parts, ""])


@pytest.mark.slow
@pytest.mark.ros
@pytest.mark.flaky(reruns=1, condition=is_busy)
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_page_runs_as_pasted(page, place):
    folder, done = place
    todo = [block for block in blocks(page) if block.language in ("bash", "python") and not block.not_run]
    program = folder / "page.sh"
    program.write_text(script(todo, done))
    ended = subprocess.run(
        ["bash", program.name],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "MPLBACKEND": "Agg"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=540,
    )
    where = [line for line in ended.stdout.splitlines() if line.startswith("@@ ")]
    assert ended.returncode == 0, f"{where[-1:]}\n{ended.stdout[-1500:]}\n{ended.stderr[-3000:]}"
    done |= {piece for block in todo for piece in pieces(block) if re.match(r"make |python ", piece)}


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.not_run], ids=lambda block: block.place)
def test_block_not_run(block):
    assert all((ROOT / name).exists() for name in re.findall(r"\b(?:tests|examples)/[\w/]+\.py", block.not_run))
    pytest.skip(f"{block.text.strip().splitlines()[0]}: {block.not_run}")


def test_every_page_runs_something():
    ran = {block.page for block in BLOCKS if block.language in ("bash", "python") and not block.not_run}
    assert ran == {str(page.relative_to(ROOT)) for page in PAGES}


def test_every_block_has_a_kind():
    kinds = {"bash", "python", "yaml", "text", "mermaid"}
    assert [block.place for block in BLOCKS if block.language not in kinds] == []


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.language == "yaml"], ids=lambda block: block.place)
def test_contract_in_a_page_loads(block, tmp_path):
    name = yaml.safe_load(block.text)["name"]
    path = tmp_path / f"{name}.yaml"
    path.write_text(block.text)
    assert load_embodiment(str(path)).name == name
