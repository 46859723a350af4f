"""A question about a picture as an episode of one step: the answer is the action, and right or wrong the reward."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np

from gato_ros.core.action import Action
from gato_ros.core.decision import Decision
from gato_ros.core.observation import Observation
from gato_ros.core.policy import PolicyInfo
from gato_ros.core.prompt import Prompt
from gato_ros.core.text import text_from_value, value_from_text
from gato_ros.domains.scenes.facts import FACTS, SITUATIONS, SIZE_PX, Facts
from gato_ros.domains.scenes.questions import KINDS, Question, ask
from gato_ros.domains.scenes.spec import ANSWER, PICTURE, QUESTION, SPEC

FIRST_EVALUATION_SEED = 900_000
"""From here on wordings and combinations are those that are kept for evaluation."""
LINE_CHARACTERS, MOST_LINES = 42, 8
"""Of the text under a rendered picture."""
_ASKED_WHEN = {"lands": ("hovering",)}


class SceneEnv(gymnasium.Env):
    """Questions of one kind, or of any.

    Observation: the picture and the bytes of the question. Action: the bytes of the answer. Reward: 1 or 0.
    """

    metadata = {"render_modes": ["rgb_array"]}

    def __init__(self, kind: str | None = None, render_mode: str | None = None):
        """SetupError where the simulator is not installed."""
        from gato_ros.domains.scenes.maker import SceneMaker

        self._maker = SceneMaker()
        self.render_mode = render_mode
        picture, question, answer = (SPEC.observations[PICTURE], SPEC.observations[QUESTION], SPEC.actions[ANSWER])
        self.observation_space = gymnasium.spaces.Dict(
            {
                PICTURE: gymnasium.spaces.Box(0, 255, picture.shape, np.uint8),
                QUESTION: gymnasium.spaces.Box(0, 255, question.shape, np.float32),
            }
        )
        self.action_space = gymnasium.spaces.Box(0, 255, answer.shape, np.float32)
        self._kind = kind
        self._pixels = np.zeros(SPEC.observations[PICTURE].shape, np.uint8)
        self._facts: Facts | None = None
        self.question = Question("", ("",), "")
        """The one that is asked now, and its answer."""
        self._given: str | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """The picture and question of that seed."""
        super().reset(seed=seed)
        held_out = seed is not None and seed >= FIRST_EVALUATION_SEED
        rng = self.np_random if seed is None else np.random.default_rng(seed)
        situations = _ASKED_WHEN.get(self._kind or "", SITUATIONS)
        found = None
        while found is None:
            self._pixels, self._facts = self._maker.scene(rng, held_out, situations)
            kind = self._kind or str(rng.choice(KINDS))
            found = ask(kind, self._facts, rng, held_out)
            if found is None and self._kind is None:  # of any kind: not every picture has an answer to each
                found = ask("unknown", self._facts, rng, held_out)
        self.question, self._given = found, None
        return dict(self.observe().values), {"success": False}

    def observe(self) -> Observation:
        """The picture and the lines of the dialogue; among the privileged values what is true of the picture."""
        assert self._facts is not None, "reset comes first"
        text = value_from_text("\n".join(self.question.lines), SPEC.observations[QUESTION].shape[0])
        return Observation({PICTURE: self._pixels.copy(), QUESTION: text}, 0.0, {FACTS: self._facts.vector()})

    def step(self, action: np.ndarray) -> tuple[dict[str, np.ndarray], float, bool, bool, dict[str, Any]]:
        """As `step_action`, after the observation."""
        return dict(self.observe().values), *self.step_action(Action({ANSWER: action}))

    def step_action(self, action: Action) -> tuple[float, bool, bool, dict[str, Any]]:
        """1 for the exact answer, else 0; the episode ends. What is no text is a wrong answer."""
        try:
            given = text_from_value(action.values[ANSWER])
        except ValueError:
            given = None
        self._given = given or ""
        right = given == self.question.answer
        failure = None if right else "wrong_answer"
        return float(right), True, False, {"success": right, "failure": failure, "answer": given}

    def render(self) -> np.ndarray | None:
        """In `rgb_array` mode the picture, enlarged, with what was asked and what was answered below."""
        if self.render_mode != "rgb_array":
            return None
        import cv2

        side = 2 * SIZE_PX
        lines = [*self.question.lines, *([] if self._given is None else [f"- {self._given}"])]
        rows = [
            line[start : start + LINE_CHARACTERS] for line in lines for start in range(0, len(line), LINE_CHARACTERS)
        ]
        below = np.full((12 * MOST_LINES, side, 3), 255, np.uint8)
        for place, row in enumerate(rows[-MOST_LINES:]):
            cv2.putText(below, row, (2, 9 + 12 * place), cv2.FONT_HERSHEY_PLAIN, 0.7, (0, 0, 0), 1, cv2.LINE_AA)
        large = cv2.resize(self._pixels, (side, side), interpolation=cv2.INTER_NEAREST)
        return np.concatenate([large, below])

    def close(self) -> None:
        """Free the simulator."""
        self._maker.close()


def answer_action(text: str) -> Action:
    """An answer as an action; one that is too long is cut, and wrong."""
    size = SPEC.actions[ANSWER].shape[0]
    cut = text.replace("\0", "").encode()[:size].decode(errors="ignore")
    return Action({ANSWER: value_from_text(cut, size)})


class Knowing:
    """Looks into the environment: the expert."""

    observation_keys: tuple[str, ...] = ()
    info = PolicyInfo()

    def __init__(self, environment: SceneEnv):
        self._environment = environment

    def reset(self, prompt: Prompt | None = None) -> None:
        """Nothing is remembered."""

    def act(self, observation: Observation) -> Decision:
        """The answer."""
        return Decision(answer_action(self._environment.question.answer))


class Constant:
    """Gives one answer to every question: what the scale begins with."""

    observation_keys: tuple[str, ...] = ()
    info = PolicyInfo()

    def __init__(self, answer: str):
        self.answer = answer

    def reset(self, prompt: Prompt | None = None) -> None:
        """Nothing is remembered."""

    def act(self, observation: Observation) -> Decision:
        """The same as ever."""
        return Decision(answer_action(self.answer))
