"""recorder_node on a disk that takes half a second for every block: slow at the file itself. A process of its own."""

import sys
import time

from gato_ros.data.atomic_blocks import WholeBlocks
from gato_ros.nodes import recorder_node

quick = WholeBlocks.flush


def slow(self) -> None:
    time.sleep(0.5)
    quick(self)


WholeBlocks.flush = slow
sys.exit(recorder_node.main())
