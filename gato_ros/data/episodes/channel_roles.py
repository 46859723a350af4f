"""What a channel of an episode is, by the `role` in its metadata."""

from __future__ import annotations

IMAGE, OBSERVATION, STATE, LABEL, EXECUTED = "image", "observation", "state", "label", "executed"
PRIVILEGED, TICK = "privileged", "tick"
ALIGNED = (IMAGE, OBSERVATION, STATE, LABEL, EXECUTED, PRIVILEGED, TICK)
"""Channels of the control steps: `sequence` is the step, and all of them but images have every one."""
RAW = "raw"
"""Messages as they crossed the wire; `of` in the metadata says what they are to the loop."""
