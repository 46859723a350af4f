"""What the operator sees: a line that is rewritten on a terminal, or the node's log."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rclpy.impl.rcutils_logger import RcutilsLogger

    from gato_ros.nodes.teleop.terminal import TerminalLine


class Display:
    """On a terminal every change is shown; without one, what is said and what is wrong is logged."""

    def __init__(self, logger: RcutilsLogger, terminal: TerminalLine | None, help_text: str):
        self._logger, self._terminal, self._help = logger, terminal, help_text
        self._line, self._fault = "", None
        self.help()

    def help(self) -> None:
        """The keys."""
        if self._terminal is not None and self._help:
            self._terminal.write(self._help)

    def say(self, what: str) -> None:
        """Something that happened."""
        if self._terminal is not None:
            self._terminal.write(what)
            self._terminal.show(self._line)
        else:
            self._logger.info(what)

    def show(self, line: str, fault: str | None) -> None:
        """How things are; shown where it is another than before."""
        if self._terminal is not None and line != self._line:
            self._terminal.show(line)
        if self._terminal is None and fault != self._fault:
            self._logger.warning(fault) if fault else self._logger.info("well again")
        self._line, self._fault = line, fault

    def close(self) -> None:
        """Leave the terminal; its owner may have done so already."""
        if self._terminal is not None:
            self._terminal.close()
