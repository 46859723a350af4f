"""Sequences in which no step sees another: what they teach is what steps teach that stand alone."""

from dataclasses import replace

import jax
import numpy as np
import pytest

from gato_ros.models.gato import init
from gato_ros.training.optimiser import start
from gato_ros.training.sequence import sequence_step
from gato_ros.training.windows import Windows
from tests.training import test_sequences as made

MODEL = replace(made.MODEL, stochastic_depth=0.0)
CONFIG = replace(made.CONFIG, brightness=0.0, patch_dropout=0.0, token_noise_bins=0, mirror=False)


def test_a_sequence_whose_memory_is_hidden_is_one_of_steps_that_stand_alone():
    windows = Windows.of([made.recording(number) for number in range(2)], made.LAYOUT, made.SUPERVISION)
    batch = windows.batch(windows.plan_of_step(CONFIG, 2, 0))
    apart = batch._replace(pieces=np.broadcast_to(np.arange(batch.pieces.shape[1]), batch.pieces.shape))

    def loss(config, batch):
        state = start(config, init(jax.random.key(0), MODEL, made.LAYOUT))
        return float(sequence_step(state, batch, config=config, model=MODEL, layout=made.LAYOUT)[1]["loss"])

    hidden = loss(replace(CONFIG, memory_hidden_share=0.999999), batch)
    assert hidden == pytest.approx(loss(CONFIG, apart), rel=1e-6)
    assert hidden != pytest.approx(loss(CONFIG, batch), rel=1e-6)
