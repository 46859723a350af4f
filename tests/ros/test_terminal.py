"""Keys of a terminal, and a terminal that is put back however the node ends; on a pseudo-terminal."""

import signal
import subprocess
import sys
import termios

import pytest

from gato_ros.nodes.teleop.terminal import keys_in
from tests.ros.screen import Screen

PROGRAM = """
import select, signal, sys, time
from gato_ros.nodes.teleop.terminal import Terminal
terminal = Terminal()
terminal.write("ready")
if sys.argv[1] == "raise":
    raise RuntimeError("as a node may")
while True:
    for key in terminal.pressed():
        terminal.write(f"got {key!r}{' late' if terminal.late else ''}")
        if key == "!":
            terminal.close()
            terminal.close()
            sys.exit(0)
        if key == "?":
            select.select([sys.stdin], [], [])
            time.sleep(0.4)
    time.sleep(0.005)
"""


@pytest.mark.parametrize(
    "sent, keys, rest",
    [
        ("wa", ["w", "a"], ""),
        ("\x1b[A\x1bOB", ["up", "down"], ""),
        ("w\x1b[Cd", ["w", "right", "d"], ""),
        # Delete, F5, Shift-Tab, an answer to a question, Alt-g: none of them is a key of ours.
        ("\x1b[3~\x1b[15~\x1b[Z\x1b[?62;4c\x1bg1", ["1"], ""),
        ("w\x1b", ["w"], "\x1b"),
        ("\x1b[", [], "\x1b["),
        ("\x1b[1;5", [], "\x1b[1;5"),
        ("\x1b\x1b[A", ["up"], ""),
        ("\x1b\x1b\x1b", [], "\x1b"),
    ],
)
def test_escape_sequences_are_taken_whole(sent, keys, rest):
    assert keys_in(sent) == (keys, rest)


def test_a_sequence_that_comes_in_two_parts_is_one_key_and_nonsense_does_not_stay_for_ever():
    keys, rest = keys_in("\x1b")
    assert keys_in(rest + "[D") == (["left"], "")
    keys, rest = keys_in("\x1b[" + "\x01" * 30 + "w")
    assert keys[-1] == "w" and rest == ""


@pytest.fixture
def screen():
    opened = []

    def start(*arguments, **options):
        opened.append(Screen("-c", PROGRAM, *arguments, **options))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


@pytest.mark.parametrize("controlling", [True, False])
@pytest.mark.parametrize("end", ["!", "raise", signal.SIGTERM, signal.SIGKILL])
def test_the_terminal_is_put_back_whatever_ends_the_program(screen, controlling, end):
    one = screen("raise" if end == "raise" else "go", controlling=controlling)
    one.shows("ready")
    if end == "!":
        one.type("w")
        one.shows("got 'w'")
        assert not one.settings()[3] & (termios.ICANON | termios.ECHO) and "ready\r\nw" not in one.text
        one.type("!")
    elif end != "raise":
        one.process.send_signal(end)
    one.process.wait(timeout=60)
    one.wait(lambda: one.settings() == one.before, "the terminal as it was")


def test_ctrl_c_reaches_the_program_ctrl_z_and_ctrl_s_do_nothing(screen):
    one = screen("go")
    one.shows("ready")
    one.type("\x1a\x13w")
    one.shows("got 'w'")
    one.type("\x03")
    assert one.process.wait(timeout=60) != 0 and "KeyboardInterrupt" in one.read()


def test_keys_that_waited_are_called_late(screen):
    one = screen("go")
    one.shows("ready")
    one.type("?")
    one.shows("got '?'")
    one.type("w")
    one.shows("got 'w' late")
    for count in range(1, 101):  # a busy machine may keep the program from a key as well, but not from every one
        one.type("d")
        one.wait(lambda: one.read().count("got 'd'") == count, "the key")  # noqa: B023
        if "got 'd'\r" in one.text:
            break
    assert "got 'd'\r" in one.text


def test_without_a_terminal_there_is_one_line_that_says_so():
    done = subprocess.run(
        [sys.executable, "-m", "gato_ros.nodes.teleop_node"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        start_new_session=True,
    )
    assert done.returncode == 2 and len(done.stderr.strip().splitlines()) == 1
    assert "expected a terminal for the keyboard; got none" in done.stderr


def test_in_the_background_it_is_refused_and_not_stopped(screen):
    """A job behind `&` that touches the terminal would be stopped by it, without a word."""
    program = (
        "import os, signal, sys\n"
        "pid = os.fork()\n"
        "if pid:\n    print('ended', os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)\n"
        "else:\n    os.setpgid(0, 0)\n"
        "    from gato_ros.nodes.teleop.terminal import Terminal\n"
        "    from gato_ros.core.errors import SetupError\n"
        "    try:\n        Terminal()\n"
        "    except SetupError as error:\n        print(error, flush=True)\n        os._exit(2)\n"
    )
    one = Screen("-c", program)
    try:
        one.shows("ended 2")
        assert "got a job in its background" in one.text
    finally:
        one.close()


def test_a_terminal_that_hangs_up_is_noticed():
    program = (
        "import os, time\nfrom gato_ros.nodes.teleop.terminal import Terminal\nterminal = Terminal()\n"
        "terminal.write('ready')\n"
        "while not terminal.gone:\n    terminal.pressed()\n    time.sleep(0.01)\nos._exit(7)\n"
    )
    one = Screen("-c", program, controlling=False)
    one.shows("ready")
    one.hang_up()
    assert one.process.wait(timeout=60) == 7
