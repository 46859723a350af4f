"""Some browsers that look: `python -m gato_ros.bench.console.browsers URL COUNT`. The process ends with its input."""

from __future__ import annotations

import contextlib
import json
import os
import sys

from gato_ros.bench.console.page_client import PageClient

NICENESS = 10


def main() -> int:
    url, count = sys.argv[1], int(sys.argv[2])
    os.setpriority(os.PRIO_PROCESS, 0, NICENESS)  # a viewer is another machine, and takes nothing from the loop
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(PageClient(url)) for _ in range(count)]
        print("looking", flush=True)
        sys.stdin.read()
        print(json.dumps({"pictures": [one.pictures for one in clients]}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
