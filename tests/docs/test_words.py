"""Sentences are short: under 25 words on average on every page."""

import re
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, all_pages, parsed

CATALOGUE = ROOT / "docs/reference/safety.md"


def sentences(page: Path) -> list[list[str]]:
    """The words of each sentence in paragraphs and lists; tables, headings and code blocks are no sentences."""
    found, table = [], False
    tokens = parsed(page)
    for before, token in zip(tokens, tokens[1:]):
        table = (table or before.type == "table_open") and before.type != "table_close"
        if token.type == "inline" and before.type == "paragraph_open" and not table:
            text = "".join(
                "code" if part.type == "code_inline" else " " if part.type == "softbreak" else part.content
                for part in token.children
            )
            found += [words for part in re.split(r"(?<=[.!?])\s+", text) if (words := part.split())]
    return found


def average(pages: list[Path]) -> float:
    lengths = [len(words) for page in pages for words in sentences(page)]
    return sum(lengths) / len(lengths)


@pytest.mark.parametrize("page", all_pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_sentences_are_short(page):
    assert average([page]) < 25


def test_long_sentences_are_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# A title of no account\n\nOne two three. " + "word " * 40 + ".\n\n| a | b |\n|---|---|\n| c | d e f |\n"
    )
    assert average([page]) == (3 + 41) / 2
