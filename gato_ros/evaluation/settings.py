"""The options of an evaluation."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gato_ros.core.bounds import Clips, CountOrNone, Episodes, NotNegative, Processes, Seed
from gato_ros.domains.registry import STACKING, STACKING_TASK
from gato_ros.evaluation.option_checks import OutFile, OutFolder

FOREIGN_OPTIONS = (
    "policy",
    "task",
    "tasks",
    "episodes",
    "seed",
    "workers",
    "ray",
    "temperature",
    "quiet",
    "report",
    "report_videos",
    "texts",
)
"""Those that count in another domain than the robot's."""


@dataclass(frozen=True)
class Evaluation:
    """Which policy, on what."""

    policy: str = "expert"
    """`expert` (scripted, sees ground truth), `hold` (in another domain `random`), a folder with weights, or the name
    of shipped ones."""
    set: str = "cubes"
    """Object set: cubes, triplet1 .. triplet5, train; triplets (the five one after another), or all (all seven)."""
    task: str | None = None
    """What to do: red_on_blue (where none is named) or another two of red, green and blue, lift_red, push_red, or
    either with another colour. Of another domain its own."""
    embodiment: str | None = None
    """Name or path of the contract; sawyer_rgb_stacking_told gives the policy the task in words. Default: the robot
    that the weights know; sawyer_rgb_stacking where they know it."""
    episodes: Episodes = 100
    """Episodes of each set. The 95 % interval of 100 is about 20 points wide, of 400 about 10."""
    seed: Seed = 900_000
    """Seed of the first episode; the next ones count up. Policies never train on 900000 and above."""
    perturb: str | None = None
    """Disturb the world: camera_shift, light, colour, latency, dropped_frames, action_noise or physics; all runs
    the plain world first and then each. Every episode gets the full magnitude; only its direction is chance."""
    level: Literal["low", "medium", "high"] = "medium"
    """How much: medium is camera_shift 5 mm and half a degree, light and colour well away from plain, latency 50 ms,
    every fifth frame dropped, action_noise a tenth of the range, friction 1.3 and mass 1.5 times more or less. low is
    half and high is twice of that (a delay in whole ticks of 50 ms: never less than one)."""
    world: str = "plain"
    """Where: plain, or a world that no training touches: opengl (a second renderer), real_cell (lens, codec, error of
    calibration, things lying about), gripper (a real one's flag, fingertips and force), dynamics (late, short and
    creeping motion), covered (no picture for two seconds of every five), mujoco (a second physics: gato_ros[mujoco]).
    The starts are those of the plain world."""
    prompt: Path | None = None
    """Also measure after prompts from this episode, or from those of this folder."""
    text_s: NotNegative | None = None
    """Tell a policy that reads its task in words only for so long [s] after each reset, then the text is empty: 0 hides
    it, in prompts too, so that with --prompt the demonstration alone says what to do; after 1 it has to be remembered.
    Default: throughout."""
    against: Path | None = None
    """Compare with this result, episode by episode, on the seeds and sets that both have."""
    result: Path | None = None
    """Run nothing: compare this result with the one of --against. Options on what to run are not read."""
    offline: Path | None = None
    """Run nothing: how far the policy's actions are from those of this folder of episodes, beside two guesses that see
    nothing. Only --policy, --embodiment and --quiet count."""
    video: OutFolder | None = None
    """Film failed episodes again into this folder: failures.mp4 (both cameras of each, side by side) and
    failures.png (how they ended)."""
    video_episodes: Clips = 12
    """At most so many, of as many kinds of failure as there are."""
    report: OutFile | None = None
    """Write all this as one HTML page, which needs no file beside it; works with --result, too."""
    report_videos: CountOrNone = 4
    """Successes to film for the page, and as many failures; of other domains so many in each."""
    workers: Processes = os.cpu_count() or 1
    """Processes."""
    ray: str | None = None
    """Work on the machines of a Ray cluster, one process for each of its CPUs: HOST:PORT of its head, or auto: the one
    that this machine is part of (docs/how-to/cluster.md). --workers does not count then."""
    compilation_cache: str = ""
    """Folder for compiled code, `off`, or nothing: the user's cache."""
    quiet: bool = False
    """No progress bar and no table."""
    domain: str = STACKING
    """rgb_stacking (the robot), or another one (`pip install gato_ros[domains,atari]`): babyai, meta_world, atari,
    scenes, text; all of these that are installed and that the weights know; or a file of your own, PATH.py. There, and
    with --tasks, only --policy, --task, --tasks, --episodes, --seed, --workers, --ray, --temperature,
    --report, --report-videos, --texts and --quiet count."""
    json: Path | None = None
    """Write the result here as JSON, every episode's outcome included."""
    tasks: str | None = None
    """Tasks of the domain, with commas between them, or all; the scores are percent of the expert. The robot's are
    cubes, triplet1 .. triplet5 and blue_on_green, in the world of sawyer_rgb_stacking_told. Only where they are named:
    those of other arms (panda/cubes ... or panda/all; also ur5e/ and so101/), and those that are held out:
    green_on_red, red_on_green, green_on_blue and blue_on_red; and lift_red, push_red and so on."""
    temperature: NotNegative | None = None
    """In another domain than the robot's: draw actions at it; 0 takes the likeliest. Default: what the weights say, and
    for answers in words 0."""
    texts: tuple[Path, ...] = ()
    """In the domain text: files, or folders of .txt files, to measure on as the task `files`."""

    @property
    def stacking_task(self) -> str:
        """The task where the domain is the robot's own."""
        return self.task or STACKING_TASK
