"""The Atari 2600 with one game in it: the only file that imports `ale_py`."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from gato_ros.core.errors import SetupError

FRAME_SKIP = 4
"""Frames of a step; the button is held meanwhile."""
STICKY = 0.25
"""At every frame the button of the frame before counts with this probability (Machado et al. 2018)."""
SCREEN = (210, 160, 3)
RAM_BYTES = 128


class Console:
    """One game, as version 5 of ALE's environments plays it: its first mode and difficulty, frameskip, sticky buttons.

    A seed and the buttons decide everything that follows.
    """

    def __init__(self, rom: str):
        """SetupError where `ale_py` or its copy of the game is missing."""
        self._library = _library()
        self._path = self._library.roms.get_rom_path(rom)
        if self._path is None:
            raise SetupError(
                expected=f"the game {rom} in the package ale-py",
                got="none",
                fix="run `pip install gato_ros[atari]`: since 0.12 the games are part of it",
            )
        self._library.ALEInterface.setLoggerMode(self._library.LoggerMode.Error)
        self._ale = self._library.ALEInterface()
        self._ale.setFloat("repeat_action_probability", STICKY)
        self._ale.setInt("frame_skip", FRAME_SKIP)
        self._buttons = [self._library.Action(number) for number in range(18)]
        self.ram = np.zeros(RAM_BYTES, np.uint8)
        """uint8 [128] the memory of now."""
        self.reset(0)  # the library crashes the process that looks at a console without a game

    def reset(self, seed: int) -> None:
        """Switch it off and on, with the chance of that seed."""
        self._ale.setInt("random_seed", seed)
        self._ale.loadROM(self._path)  # the seed counts from here on
        self._ale.reset_game()
        self._ale.getRAM(self.ram)

    def press(self, button: int) -> float:
        """Hold a button for FRAME_SKIP frames; what the score rose by."""
        gained = self._ale.act(self._buttons[button])
        self._ale.getRAM(self.ram)
        return float(gained)

    @property
    def minimal(self) -> tuple[int, ...]:
        """The buttons that mean something in this game."""
        return tuple(action.value for action in self._ale.getMinimalActionSet())

    @property
    def over(self) -> bool:
        """Whether the game is over."""
        return bool(self._ale.game_over(with_truncation=False))

    def screen(self) -> np.ndarray:
        """uint8 [210 160 3] RGB, what the last of the frames showed."""
        return self._ale.getScreenRGB()


def _library() -> Any:
    try:
        import_module("ale_py.roms")
        return import_module("ale_py")
    except ModuleNotFoundError as error:
        raise SetupError(
            expected="the package ale-py, for the domain atari",
            got=f"no module {error.name}",
            fix="run `pip install gato_ros[atari]`",
        ) from None
