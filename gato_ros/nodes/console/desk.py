"""The seam between the two threads: the server's side needs no ROS, and the node's side no HTTP."""

from __future__ import annotations

import queue
from collections.abc import Callable
from dataclasses import dataclass, field

from gato_ros.nodes.console.archive.archive import Archive
from gato_ros.nodes.console.board import Board
from gato_ros.nodes.console.hold import Hold
from gato_ros.nodes.console.picture_shelf import PictureShelf


@dataclass(frozen=True)
class Order:
    """Something that a click asks of the robot's nodes."""

    verb: str
    text: str
    answer: Callable[[object], None]
    """Called once with a `calls.Answer`, in the node's thread."""


@dataclass
class Desk:
    """Shared by the node's thread and the server's; every part looks after its own lock."""

    robot: str
    """The contract's name."""
    board: Board
    shelf: PictureShelf
    overlays: PictureShelf
    """What the policy looks at in the pictures of the same cameras."""
    hold: Hold
    verbs: tuple[str, ...]
    """What an order may be."""
    archive: Archive
    """What lies on the disk; the server's thread has it."""
    wake: Callable[[], None] = lambda: None
    """Make the node's thread look here at once; safe to call from any thread."""
    orders: queue.SimpleQueue[Order] = field(default_factory=queue.SimpleQueue)
    looking: bool = False
    """Whether somebody looks at the page. The server sets it."""
    overlaying: bool = False
    """Whether somebody wants to see what the policy looks at. The server sets it."""
    commanded: bool = False
    """Whether a browser commands. The server sets it."""
