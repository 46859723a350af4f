"""What is seen and done in a question about a picture; no simulator is needed to know it."""

from __future__ import annotations

from gato_ros.core.spec import ImageSpec, StepSpec, TextSpec
from gato_ros.domains.scenes.facts import SIZE_PX

PICTURE, QUESTION, ANSWER = "scene/pixels", "question/text", "answer/text"
SPEC = StepSpec.of(
    {PICTURE: ImageSpec(SIZE_PX, SIZE_PX), QUESTION: TextSpec(size_bytes=320, tokens=96)},
    {ANSWER: TextSpec(size_bytes=192, tokens=48)},
)
"""The question is the last line; lines before it are questions and answers in turn."""
