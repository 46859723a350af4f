"""The strict reader: what two parsers could read in two ways, or one of them drop, is refused in one line."""

import re
from pathlib import Path

import pytest

from gato_ros.bench.guard.fault_catalogue import load_catalogue
from gato_ros.core.errors import SetupError
from gato_ros.embodiments import load_embodiment
from gato_ros.embodiments.yaml_file import read_yaml
from gato_ros.nodes.runtime.node_specs import PARAMETERS
from gato_ros.nodes.runtime.parameters import check_parameter_file
from gato_ros.nodes.teleop.joystick_mapping import load_mapping

READERS = {
    "contract": load_embodiment,
    "mapping": lambda path: load_mapping(str(path)),
    "parameters": lambda path: check_parameter_file(path, PARAMETERS),
    "faults": load_catalogue,
}
"""Every reader of a file that people write."""

REFUSED = {
    "a key twice": ("a: 1\nb: 2\na: 3\n", "the key a twice, in lines 1 and 3"),
    "a section twice": ("a: {b: 1}\nc: 2\na: {d: 1}\n", "the key a twice, in lines 1 and 3"),
    "a key twice in a section": ("a:\n  b: 1\n  c: 1\n  b: 1\n", "the key b twice in a, in lines 2 and 4"),
    "a key twice in flow": ("a: {b: 1,\n b: 1}\n", "the key b twice in a, in lines 1 and 2"),
    "a key twice in a list": ("a:\n- b: 1\n- c: 1\n  c: 2\n", "the key c twice in a.1, in lines 3 and 4"),
    "a key twice deep down": ("a: {b: {c: {d: 1, d: 1}}}\n", "the key d twice in a.b.c, in lines 1 and 1"),
    "a key twice, quoted": ("a: 1\n'a': 1\n", "the key a twice, in lines 1 and 2"),
    "a tab": ("a:\n\tb: 1\n", "a tab, line 2, column 1"),
    "a tab after spaces": ("a:\n  \tb: 1\n", "a tab, line 2"),
    "a tab after a key": ("a:\tb\n", "a tab, line 1"),
    "a tab before a comment": ("a: 1\t# b\n", "a tab, line 1"),
    "a tab in flow": ("a: {b: 1,\t\n\tc: 2}\n", "a tab, line 1"),
    "an anchor": ("a: &b {c: 1}\n", "&b, line 1"),
    "an alias": ("a: 1\nd: *b\n", "*b, line 2"),
    "an anchor on a key": ("&b a: 1\n", "&b, line 1"),
    "a merge": ("a: 1\nb:\n  <<: {c: 1}\n", "a merge key, << in b, line 3"),
    "a tag": ("a: !!float 1\n", "a tag, !!float, line 1"),
    "a tag of a program": ("a: !!python/name:os.system\n", "a tag, !!python/name:os.system, line 1"),
    "two documents": ("a: 1\n---\nb: 1\n", "second document, line 2"),
    "two documents, the first ended": ("a: 1\n...\n---\nb: 1\n", "second document, line 3"),
    "a number as a key": ("a: 1\n2: 1\n", "the key 2, which is no text, line 2"),
    "a truth as a key": ("true: 1\n", "the key true, which is no text, line 1"),
    "nothing as a key": ("a: {null: 1}\n", "the key null in a, which is no text"),
    "a list as a key": ("? [a]\n: 1\n", "which is no text, line 1"),
    "on as a key": ("a: 1\non: 1\n", "a key: on, which YAML reads in two ways, line 2"),
    "an empty section": ("a:\nb: 1\n", "a: nothing, line 1"),
    "an empty entry": ("a:\n- 1\n-\n", "a.1: nothing"),
    "a key without its space": ("a: {b:1}\n", "a.b:1: nothing, line 1"),
    "a list at the top": ("- a: 1\n", "a list and no mapping at its top"),
    "a text at the top": ("a\n", "a text and no mapping"),
    "a number at the top": ("1\n", "no mapping"),
    "no YAML": ("a: [1\n", "line 2"),
    "wrong indentation": ("a:\n  b: 1\n   c: 1\n", "line 3"),
    "a character of control": ("a: 1\nb: \x07\n", "'\\x07', line 2"),
    "half of a character": ('a: "\\ud800"\n', "half of a character, line 1"),
    "sections without end": ("[" * 3000, "without end"),
    "digits without end": (f"a: {'9' * 5000}\n", "5000 digits, line 1"),
    "another encoding": ("a: 1\nb: ä\n".encode("latin-1"), "no UTF-8 text, line 2"),
}
TWO_MEANINGS = ["yes", "no", "on", "off", "y", "n", "Yes", "ON", "Off", "inf", "NaN"]
TWO_MEANINGS += ["010", "-07", "0o10", "0x1F", "0b11", "1_000", "1_0.5", "1:30", "190:20:30", "1:30.5"]


@pytest.mark.fault("A4")
@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
@pytest.mark.parametrize(("text", "words"), REFUSED.values(), ids=REFUSED)
def test_what_could_be_lost_is_refused_with_its_line(tmp_path, reader, text, words):
    path = tmp_path / "mine.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(SetupError) as refused:
        reader(path)
    assert words in str(refused.value) and str(path) in str(refused.value)
    assert str(refused.value).isprintable(), "one line"


@pytest.mark.fault("A4")
@pytest.mark.parametrize("word", TWO_MEANINGS)
def test_a_word_of_two_meanings_is_refused_unless_it_is_quoted(tmp_path, word):
    path = tmp_path / "mine.yaml"
    path.write_text(f"a: {{b: [1, {word}]}}\n")
    with pytest.raises(SetupError, match=re.escape(f"a.b.1: {word}, which YAML reads in two ways, line 1")):
        read_yaml(path, "a file", "another")
    path.write_text(f"a: '{word}'\n")
    assert read_yaml(path, "a file", "another").content == {"a": word}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *((word, float(word)) for word in ("0.02", "1e-3", "1E-3", "1.5e+2", "-2e3", ".5", "1.", "+0.5")),
        *((word, int(word)) for word in ("0", "12", "-3", "+4")),
        *((word, True) for word in ("true", "True", "TRUE")),
        (".inf", float("inf")),
        ("null", None),
        ("0.02 m/s", "0.02 m/s"),
        ("2026-11-28", "2026-11-28"),
        ("no_robot", "no_robot"),
        ("192.168.0.1", "192.168.0.1"),
        ('""', ""),
        ("[a, 'b']", ["a", "b"]),
        ("{b: [1, {c: 2}]}", {"b": [1, {"c": 2}]}),
        ("|-\n  two\n  lines", "two\nlines"),
    ],
)
def test_a_word_of_one_meaning_has_it(tmp_path, text, value):
    path = tmp_path / "mine.yaml"
    path.write_bytes(b"\xef\xbb\xbf---\na: " + text.encode() + b"\n")
    content = read_yaml(path, "a file", "another").content
    assert content == {"a": value} and type(content["a"]) is type(value)


def test_the_place_of_every_value_is_known(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("# one\na:\n  b: 1\n  c: [1,\n    {d: 2}]\n")
    file = read_yaml(path, "a file", "another")
    lines = {keys: place.line for keys, place in file.places.items()}
    assert lines == {("a",): 2, ("a", "b"): 3, ("a", "c"): 4, ("a", "c", 0): 4, ("a", "c", 1): 5, ("a", "c", 1, "d"): 5}
    assert file.where("a", "c", 1, "d") == "line 5" and file.where("a", "x", "y") == "line 2"


@pytest.mark.parametrize("name", ["nowhere/mine.yaml", "a" * 300 + ".yaml", "a\0b.yaml", "folder.yaml"])
@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
def test_a_path_that_holds_no_file_is_refused(tmp_path, reader, name):
    (tmp_path / "folder.yaml").mkdir()
    with pytest.raises(SetupError) as refused:
        reader(tmp_path / name)
    assert "check the path" in str(refused.value) and "\n" not in str(refused.value)


def test_no_other_module_reads_yaml():
    """A second reader would have a second opinion."""
    root = Path(load_embodiment.__code__.co_filename).parents[1]
    readers = [path for path in root.rglob("*.py") if re.search(r"^\s*(import|from) yaml\b", path.read_text(), re.M)]
    assert [path.name for path in readers] == ["yaml_file.py"]
