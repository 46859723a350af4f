"""The keys of a plain terminal as an input device."""

from __future__ import annotations

import numpy as np

from gato_ros.core.teleop.key_hold import KeyHold
from gato_ros.core.teleop.operator_input import OperatorInput
from gato_ros.nodes.teleop.terminal import Terminal

MOTIONS = {
    "w": (1, 0, 0, 0),
    "s": (-1, 0, 0, 0),
    "a": (0, 1, 0, 0),
    "d": (0, -1, 0, 0),
    "r": (0, 0, 1, 0),
    "f": (0, 0, -1, 0),
    "q": (0, 0, 0, 1),
    "e": (0, 0, 0, -1),
    "up": (1, 0, 0, 0),
    "down": (-1, 0, 0, 0),
    "left": (0, 1, 0, 0),
    "right": (0, -1, 0, 0),
}
"""Key -> forward, left, up, turn to the left."""
ORDERS = {
    "g": "gripper",
    "+": "faster",
    "=": "faster",
    "-": "slower",
    "t": "frame",
    "h": "help",
    "1": "start",
    "2": "success",
    "3": "fail",
    "4": "discard",
    "5": "redo",
    "6": "mark",
    " ": "emergency_stop",
    "0": "reset_guard",
}
LET_GO = "x"
HELP = """\
  w s  forward, back      a d  left, right      r f  up, down      q e  turn          (arrows: w s a d)
  g  gripper              + -  speed            t    base or tool frame               x    let go at once
  1 start   2 success   3 fail   4 discard   5 redo   6 mark                          (recorder)
  SPACE  emergency stop   0  release it and reset the guard   h  this help   Ctrl-C  end
  A key moves the arm while it repeats; the first press is a nudge."""


class KeyboardDevice:
    """Keys of a Terminal; the newest motion key alone counts."""

    help_text = HELP

    def __init__(self, terminal: Terminal, hold_s: float, claim_s: float):
        self.screen = self._terminal = terminal
        self._hold = KeyHold(hold_s, claim_s)
        self._deflections = {key: np.array(motion, np.float64) for key, motion in MOTIONS.items()}

    def read(self, now_s: float) -> OperatorInput:
        return self._hold.read(now_s)

    def orders(self, now_s: float) -> list[str]:
        found = []
        for key in self._terminal.pressed():
            if self._terminal.late and ORDERS.get(key) != "emergency_stop":
                continue  # what was meant for a moment that is over
            if key in self._deflections:
                self._hold.press(self._deflections[key], now_s)
            elif key == LET_GO:
                self._hold.let_go()
            elif key in ORDERS:
                found.append(ORDERS[key])
                if key == "g":
                    self._hold.touch(now_s)
        if self._terminal.gone:
            self._hold.let_go()
        return found

    def fault(self, now_s: float) -> str | None:
        return "the terminal has hung up" if self._terminal.gone else None

    def close(self) -> None:
        self._terminal.close()
