"""recorder_node on a disk that takes a second for every block. A process of its own; the file's own seam is slow."""

import sys
import time

from gato_ros.data.whole_blocks import WholeBlocks
from gato_ros.nodes import recorder_node

quick = WholeBlocks.flush


def slow(self) -> None:
    time.sleep(1.0)
    quick(self)


WholeBlocks.flush = slow
sys.exit(recorder_node.main())
