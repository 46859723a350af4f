"""The peer's side of `bench sim`: runs in the peer's own Python; stdin says how many ticks to measure.

Imports nothing of gato_ros. Prints JSON lines.
"""

import functools
import json
import sys
import time

import numpy as np


def main() -> None:
    from dm_robotics.agentflow.preprocessors import observation_transforms

    # Newer dm-robotics refuses that the peer's environment merges observations under a name that exists.
    observation_transforms.MergeObservations = functools.partial(
        observation_transforms.MergeObservations, raise_on_overwrite=False
    )
    from rgb_stacking import environment, task

    # Even the state-only observation set renders every camera; without identifiers the tick is the tick alone.
    task._CAMERA_IDENTIFIERS = {}
    with environment.rgb_stacking("rgb_test_triplet1", environment.ObservationSet.STATE_ONLY) as env:
        spec, rng = env.action_spec(), np.random.default_rng(0)
        step = env.reset()
        physics = env.physics
        names = [physics.model.id2name(i, "camera") for i in range(physics.model.ncam)]
        cameras = [name for name in names if "basket_front" in name]
        ticks, renders = [], []
        for name in cameras:  # the first picture sets the renderer up
            physics.render(height=128, width=128, camera_id=name)
        print(json.dumps({"ready": True, "cameras": cameras}), flush=True)
        for line in sys.stdin:
            count = int(line)
            if count == 0:
                break
            for _ in range(count):
                if step.last():
                    step = env.reset()
                action = rng.uniform(spec.minimum, spec.maximum).astype(spec.dtype)
                start = time.process_time()
                step = env.step(action)
                ticks.append((time.process_time() - start) * 1e3)
                for name in cameras:
                    start = time.process_time()
                    physics.render(height=128, width=128, camera_id=name)
                    renders.append((time.process_time() - start) * 1e3)
            print(json.dumps({"done": count}), flush=True)
        print(json.dumps({"tick_ms": ticks, "camera_ms": renders}), flush=True)


if __name__ == "__main__":
    main()
