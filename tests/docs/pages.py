"""The pages that people read, and the code blocks in them."""

import re
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).resolve().parents[2]
NOT_RUN = re.compile(r"<!-- not run: (.+?) -->")
BECOMES = re.compile(r'<!-- test: "(.+?)" becomes "(.+?)" -->')
VERB_TARGET = re.compile(r"^([a-z]+): venv .*\n\t@\$\(GATO_ROS\) \1 \$\(ARGS\)$", re.MULTILINE)
"""A target that does nothing but call the verb of its name."""


@dataclass(frozen=True)
class Block:
    """A fenced block."""

    page: str
    """Path from the repository's root."""
    line: int
    language: str
    text: str
    """As written."""
    not_run: str = ""
    """Why the test does not run it; nothing where it does."""
    becomes: tuple[tuple[str, str], ...] = ()
    """What the test writes in place of what."""

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def quick(self) -> str:
        """The text with the test's small arguments."""
        text = self.text
        for long, short in self.becomes:
            assert long in text, f"{self.place}: the block does not hold {long!r}"
            text = text.replace(long, short)
        return text


def parsed(page: Path) -> list:
    """markdown-it's tokens, tables included."""
    return MarkdownIt("commonmark").enable("table").parse(page.read_text())


def blocks(page: Path) -> list[Block]:
    """Every fenced block, with what the comments right above it say."""
    found, comments = [], ""
    for token in parsed(page):
        if token.type == "html_block":
            comments += token.content
        elif token.type == "fence":
            reason = NOT_RUN.search(comments)
            found.append(
                Block(
                    str(page.relative_to(ROOT)),
                    token.map[0] + 1,
                    token.info.split()[0] if token.info else "",
                    token.content,
                    reason[1] if reason else "",
                    tuple(BECOMES.findall(comments)),
                )
            )
            comments = ""
        else:
            comments = ""
    return found


def inline_code(page: Path) -> list[str]:
    """Every piece of code within a sentence or a table."""
    return [
        part.content
        for token in parsed(page)
        if token.type == "inline"
        for part in token.children
        if part.type == "code_inline"
    ]


def newcomer_pages() -> list[Path]:
    """What somebody new pastes from: README, then the tutorials in the order of the site."""
    order = re.findall(r"tutorials/\w+\.md", (ROOT / "mkdocs.yml").read_text())
    tutorials = {str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs/tutorials").glob("*.md")}
    assert set(order) == tutorials, "mkdocs.yml names every tutorial once"
    return [ROOT / "README.md", *(ROOT / "docs" / name for name in order)]


def all_pages() -> list[Path]:
    """README, CONTRIBUTING, and docs/."""
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def makefile_targets() -> set[str]:
    return set(re.findall(r"^([a-z0-9-]+):(?!=)", (ROOT / "Makefile").read_text(), re.MULTILINE))
