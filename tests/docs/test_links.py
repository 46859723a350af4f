"""Every relative link of README, CONTRIBUTING and docs/ leads to a file, and every anchor to a heading. No network."""

import re
from functools import cache
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, all_pages, inline_code, parsed

PATH_IN_SOURCE = re.compile(r"\bdocs/[\w/-]+\.(?:md|png|gif)\b")
TREE = ("gato_ros", "models", "sim", "tests", "launch", "examples", "requirements", ".github")
ROOMS = {path.name for path in (ROOT / "gato_ros").iterdir() if path.is_dir()}
TOP = (
    "Makefile",
    "CHANGELOG.md",
    "CITATION.cff",
    "mkdocs.yml",
    "pyproject.toml",
    "setup.py",
    ".pre-commit-config.yaml",
)


@cache
def anchors(page: Path) -> frozenset[str]:
    """As GitHub makes them of headings: lower case, punctuation left out, spaces as hyphens, repeats numbered."""
    found: list[str] = []
    tokens = parsed(page)
    for token, following in zip(tokens, tokens[1:]):
        if token.type == "heading_open":
            words = "".join(part.content for part in following.children)
            slug = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
            found.append(f"{slug}-{found.count(slug)}" if slug in found else slug)
    return frozenset(found)


def links(page: Path) -> list[str]:
    """Targets of links and pictures."""
    children = [child for token in parsed(page) if token.type == "inline" for child in token.children]
    return [
        child.attrs["href" if child.type == "link_open" else "src"]
        for child in children
        if child.type in ("link_open", "image")
    ]


def broken(page: Path) -> list[str]:
    """Links that lead nowhere."""
    found = []
    for link in links(page):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or anchor and anchor not in anchors(target):
            found.append(link)
        elif "docs" in page.parts and not target.is_relative_to(ROOT / "docs"):
            found.append(f"{link} (the site holds docs/ only: name the file in code font)")
    return found


@pytest.mark.parametrize("page", all_pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    assert broken(page) == []


def test_broken_links_are_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# One two\n\n[a](#one-two) [b](#three) [c](nothing.md) [d](page.md#one-two) ![e](no.png)\n")
    assert broken(page) == ["#three", "nothing.md", "no.png"]


def test_source_names_pages_that_exist():
    files = [path for folder in TREE for path in (ROOT / folder).rglob("*")]
    named = {}
    for path in [*files, *(ROOT / name for name in TOP)]:
        if path.suffix in (".py", ".yaml", ".yml", ".jinja", ".md", ".txt", ".toml", ".cff", "") and path.is_file():
            for page in PATH_IN_SOURCE.findall(path.read_text(errors="ignore")):
                named.setdefault(page, path)
    assert {page: str(path) for page, path in named.items() if not (ROOT / page).exists()} == {}
    assert len(named) > 10


@pytest.mark.parametrize("page", all_pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_files_named_in_code_font_exist(page):
    named = [code for code in inline_code(page) if re.fullmatch(r"[\w.-]+(/[\w.-]+)+/?", code)]
    ours = [code for code in named if code.split("/")[0] in TREE or code.split("/")[0] in ROOMS]
    assert [code for code in ours if not ((ROOT / code).exists() or (ROOT / "gato_ros" / code).exists())] == []


def test_site_shows_every_page():
    shown = set(re.findall(r"[\w/-]+\.md", (ROOT / "mkdocs.yml").read_text()))
    assert shown == {str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")}
