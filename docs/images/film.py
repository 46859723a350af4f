"""The moving picture of the README: the shipped policy stacks red on blue; film.py [FILE] [SEED].

Large: the cell from outside. Small: what the policy's two cameras see. Simulated time runs twice as fast as real time.
"""

import sys

import numpy as np
import pybullet
from PIL import Image

import gato_ros

SIZE, EVERY = (480, 384), 2
"""Width and height of the large picture [px]; control steps per picture."""
VIEW = pybullet.computeViewMatrixFromYawPitchRoll((0.45, 0.0, 0.33), 1.6, 62, -16, 0, 2)
PROJECTION = pybullet.computeProjectionMatrixFOV(42, SIZE[0] / SIZE[1], 0.05, 5.0)


def outside(world) -> Image.Image:
    """The cell as somebody beside it sees it."""
    rgba = world._client.getCameraImage(
        *SIZE, VIEW, PROJECTION, shadow=1, lightDirection=(0.8, -0.6, 1.6), renderer=pybullet.ER_TINY_RENDERER
    )[2]
    return Image.fromarray(np.asarray(rgba, np.uint8).reshape(SIZE[1], SIZE[0], 4)[:, :, :3])


def frame(env) -> Image.Image:
    """Outside view, and the two camera pictures beside it."""
    picture = Image.new("RGB", (SIZE[0] + SIZE[1] // 2, SIZE[1]))
    picture.paste(outside(env.world))
    for row, key in enumerate(env.embodiment.image_keys):
        small = Image.fromarray(env.world.render(key)).resize((SIZE[1] // 2,) * 2, Image.Resampling.NEAREST)
        picture.paste(small, (SIZE[0], row * SIZE[1] // 2))
    return picture


policy = gato_ros.load_policy("sawyer_mastery")
env = gato_ros.make("rgb_stacking", policy=policy).unwrapped
env.reset(seed=int(sys.argv[2]) if len(sys.argv) > 2 else 900_000)
policy.reset()
frames = [frame(env)]
for tick in range(400):
    stacked = env.step_action(policy.act(env.observe()).action)[3]["stacked"]
    if tick % EVERY == 0 or stacked:
        frames.append(frame(env))
    if stacked:
        break
print(f"stacked: {stacked} after {tick + 1} steps, {len(frames)} pictures")
frames += frames[-1:] * 10
palette = frames[len(frames) // 2].quantize(128)
small = [one.quantize(palette=palette, dither=Image.Dither.NONE) for one in frames]
small[0].save(
    sys.argv[1] if len(sys.argv) > 1 else "stacking.gif",
    save_all=True,
    append_images=small[1:],
    duration=1000 * EVERY // 40,
    loop=0,
    optimize=True,
)
