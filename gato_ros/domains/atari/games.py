"""The games as tasks, the spec that they share, and what people reach."""

from __future__ import annotations

from dataclasses import dataclass

from gato_ros.core.spec import DiscreteSpec, ImageSpec, StepSpec, TextSpec

SCREEN, TASK, BUTTON = "screen/pixels", "task/text", "button"
BUTTONS = (
    *("noop", "fire", "up", "right", "left", "down", "up_right", "up_left", "down_right", "down_left", "up_fire"),
    *("right_fire", "left_fire", "down_fire", "up_right_fire", "up_left_fire", "down_right_fire", "down_left_fire"),
)
"""All that one joystick with one button can say, by ALE's numbers."""
LONGEST = 4500
"""Steps of an episode: 18,000 frames, five minutes, the limit under which people were measured (Mnih et al. 2015) and
that Machado et al. (2018) name beside it. It cuts nearly every episode of Pong."""
SPEC = StepSpec.of(
    {SCREEN: ImageSpec(96, 128), TASK: TextSpec(size_bytes=32, tokens=4)}, {BUTTON: DiscreteSpec(len(BUTTONS))}
)
"""All games have all buttons, so that one set of weights has one meaning for each. What a game has no use for does on
the console what its parts do: in Pong, up and right is right. The experts press what the game has a use for. The
picture has sides that patches of 32 px divide."""


@dataclass(frozen=True)
class Game:
    """One task."""

    random: float
    """Mean score of random play in the literature."""
    human: float
    """Mean score of a professional tester of games."""

    def percent_of_human(self, score: float) -> float:
        """On the scale where random play is 0 and people are 100."""
        return 100 * (score - self.random) / (self.human - self.random)


GAMES = {
    "pong": Game(-20.7, 14.6),
    "freeway": Game(0.0, 29.6),
    "breakout": Game(1.7, 30.5),
    "boxing": Game(0.1, 12.1),
    "atlantis": Game(12_850.0, 29_028.1),
}
"""Their names in `ale_py`; the first is the default. Scores: Badia et al. 2020 (Agent57), appendix."""


def words_of(task: str) -> str:
    """A game in words, as the policy reads it."""
    return task.replace("_", " ")
