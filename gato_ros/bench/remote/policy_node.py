"""The real policy_node; where no server and no weights are named, around the policy that takes no time of its own."""

from __future__ import annotations

import sys

from gato_ros.bench.remote.observing_policy import ObservingPolicy
from gato_ros.nodes import policy_node


def main() -> int:
    real = policy_node.make_policy

    def make_policy(name, robot, *more):  # noqa: ANN001, ANN202  (as the one that it stands for)
        return ObservingPolicy(robot) if name == "hold" else real(name, robot, *more)

    policy_node.make_policy = make_policy
    return policy_node.main()


if __name__ == "__main__":
    sys.exit(main())
