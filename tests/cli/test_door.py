"""What the world outside does ends in one line and a documented exit code; only a fault of ours says so."""

import errno
import os
import subprocess
import sys
from concurrent.futures.process import BrokenProcessPool

import pytest

from gato_ros.cli.door import EXIT_CODES, FAULT, INTERRUPTED, PIPE_CLOSED, REFUSED, passed
from gato_ros.core.errors import SetupError
from gato_ros.core.files import write_json
from gato_ros.core.outside import setup_error_from
from gato_ros.evaluation.option_checks import check_place


def raising(error):
    def work():
        raise error

    return work


def outside():
    """One of each kind."""
    yield from (OSError(number, os.strerror(number), "some/place") for number in sorted(errno.errorcode))
    yield OSError("no number")
    yield UnicodeDecodeError("utf-8", b"a\xff", 1, 2, "invalid start byte")
    yield UnicodeEncodeError("ascii", "a\udcff", 1, 2, "surrogates not allowed")
    yield MemoryError()
    yield BrokenProcessPool("a child process terminated abruptly")
    yield ImportError("libGL.so.1: cannot open shared object file", name="cv2")
    yield ModuleNotFoundError("No module named 'mcap'", name="mcap")
    yield subprocess.CalledProcessError(3, ["peer"])
    yield ValueError("embedded null byte")
    yield SetupError(expected="one\nline", got="two", fix="join them")


@pytest.mark.parametrize(
    "error", list(outside()), ids=lambda error: f"{type(error).__name__}-{getattr(error, 'errno', '')}"
)
def test_outside_errors_are_one_line(error, capsys):
    assert passed("verb", raising(error)) == REFUSED
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and said.startswith("gato_ros verb: expected ") and "; got " in said
    assert said.count("; ") >= 2


@pytest.mark.parametrize("error", [KeyError("x"), AssertionError(), ImportError("no y", name="gato_ros.core.x")])
def test_a_fault_of_ours_says_so(error, capsys):
    assert passed("verb", raising(error)) == FAULT
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "this is a fault of gato_ros" in said and "GATO_ROS_TRACEBACK=1" in said


@pytest.mark.parametrize("error, code", [(OSError(errno.ENOSPC, "full"), REFUSED), (KeyError("x"), FAULT)])
def test_the_traceback_comes_when_it_is_wanted(error, code, capsys, monkeypatch):
    monkeypatch.setenv("GATO_ROS_TRACEBACK", "1")
    assert passed("verb", raising(error)) == code
    said = capsys.readouterr().err
    assert said.startswith("Traceback") and "in raising" in said or "in work" in said
    assert said.splitlines()[-1].startswith("gato_ros verb: ")


def test_an_interrupt_has_its_own_code(capsys):
    assert passed("verb", raising(KeyboardInterrupt())) == INTERRUPTED
    assert capsys.readouterr().err == "gato_ros verb: interrupted\n"


def test_an_error_in_a_thread_is_one_line(capsys):
    import threading

    def work():
        thread = threading.Thread(target=raising(OSError(errno.ENOSPC, "No space left on device")))
        thread.start()
        thread.join()
        return 0

    assert passed("verb", work) == 0
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "room on the disk" in said


def test_known_and_unknown_errors_have_their_own_exit_codes():
    assert setup_error_from(KeyError("x")) is None and setup_error_from(RuntimeError("x")) is None
    assert setup_error_from(RecursionError()) is None


def gato(command, **more):
    return subprocess.run(
        ["bash", "-c", command.replace("gato", f"{sys.executable} -m gato_ros")], capture_output=True, text=True, **more
    )


def test_a_full_output_is_one_line():
    done = gato("gato --help > /dev/full")
    assert done.returncode == REFUSED and done.stderr.count("\n") == 1 and "room on the disk" in done.stderr


def test_a_closed_pipe_is_quiet():
    done = gato("gato --help | true; echo ${PIPESTATUS[0]}")
    assert done.stderr == "" and int(done.stdout) in (0, PIPE_CLOSED)  # 0: all was written before the reader went


def test_closed_streams_do_no_harm(tmp_path):
    assert gato(f"gato faults --page {tmp_path / 'page.md'} <&- >&- 2>&-").returncode == 0
    assert (tmp_path / "page.md").read_text().startswith("#")


def test_help_lists_the_exit_codes():
    shown = gato("gato --help").stdout
    assert all(f"  {code} " in shown and text in shown for code, text in EXIT_CODES.items())


def test_numbers_that_json_does_not_know_are_named(tmp_path):
    path = tmp_path / "result.json"
    path.write_text("before")
    with pytest.raises(SetupError, match="loss.1 = nan"):
        write_json(path, {"loss": [1.0, float("nan")], "ok": True})
    assert path.read_text() == "before" and list(tmp_path.iterdir()) == [path]


def test_a_device_is_written_into_and_stays(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_json(pipe, {"ok": True})
    assert b'"ok": true' in os.read(reader, 100) and pipe.is_fifo()
    os.close(reader)


@pytest.mark.parametrize("place", ["folder", "file/x", "dangling", "dangling/x", "loop", "/proc/x", "n" * 300])
def test_places_that_cannot_be_written_are_refused(tmp_path, place):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to("loop")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(SetupError, match="a file that can be written for --json"):
        check_place("--json", tmp_path / place, as_folder=False)
    assert sorted(tmp_path.rglob("*")) == before


def test_places_that_can_be_written_are_not_made(tmp_path):
    (tmp_path / "file").touch()
    for place, as_folder in (("file", False), ("new/deep/file", False), ("new/folder", True), (".", True)):
        check_place("--out", tmp_path / place, as_folder)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
