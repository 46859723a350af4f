"""How well weights foresee texts that they never saw, beside a model that counts three tokens of the same texts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gato_ros.core.errors import SetupError
from gato_ros.domains.registry import ALL, TEXT, load_domain, task_of
from gato_ros.domains.text.sources import FILES, held_out, is_here, paragraphs
from gato_ros.evaluation.foreign.policies import EXPERT, RANDOM
from gato_ros.evaluation.foreign.task_result import summary

if TYPE_CHECKING:
    from gato_ros.domains.text.ngram import NGram
    from gato_ros.evaluation.settings import Evaluation
    from gato_ros.models.vocabulary import Vocabulary

RESAMPLES = 1000
LONGEST = 256
"""Of a paragraph so many tokens count, for whoever is measured; the window of the weights, where that is less."""


def text_tasks(options: Evaluation) -> tuple[str, ...]:
    """The sources of text that are asked for; those that this machine lacks are left out of `all`, and that is said.

    Raises:
        SetupError: an unknown one, or one that is not here.
    """
    if options.texts and options.domain not in (TEXT, ALL):
        raise SetupError(expected="--texts with --domain text", got=f"--domain {options.domain}", fix="leave it out")
    if options.domain not in (TEXT, ALL):
        return ()
    domain, names = load_domain(TEXT), options.tasks or options.task or (ALL if options.domain == ALL else None)
    here = [task for task in domain.tasks if (bool(options.texts) if task == FILES else is_here(task))]
    if names == ALL:
        if gone := [task for task in domain.tasks if task not in here and task != FILES]:
            print(f"evaluate: {', '.join(gone)} left out: not on this machine", flush=True)
        return tuple(here)
    wanted = [task_of(domain, name) for name in (names.split(",") if names else (None,))]
    if missing := [task for task in wanted if task not in here]:
        fix = "name them with --texts" if missing == [FILES] else "leave it out, or install it"
        raise SetupError(expected=f"texts of {', '.join(missing)}", got="none on this machine", fix=fix)
    return tuple(dict.fromkeys(wanted))


def text_block(options: Evaluation, tasks: Sequence[str]) -> dict[str, Any]:
    """The domain's part of the result: nats per token of held-out paragraphs, the fewer the better.

    `random` is an even guess among all pieces, `expert` and `ngram` the counting model: 100 % foresees as well as that.
    """
    measured = Foreseeing(options.policy)
    rows = {task: _row(measured, _entries(options, task), options.episodes) for task in tasks}
    return {"tasks": rows, "metric": load_domain(TEXT).metric, **summary(rows)}


class Foreseeing:
    """A policy by name, as something that foresees."""

    def __init__(self, policy: str):
        """SetupError for weights that are damaged or were not made for text."""
        from gato_ros.models.vocabulary import load_vocabulary, vocabulary_of

        self._policy, self.longest = policy, LONGEST
        if policy in (EXPERT, RANDOM):
            self.vocabulary: Vocabulary = load_vocabulary()
            return
        from gato_ros.models.serving.compilation import keep_compiled
        from gato_ros.models.weights import load_weights

        keep_compiled()
        domain = load_domain(TEXT)
        self._weights = load_weights(policy, domain.contract(domain.tasks[0]))
        self.vocabulary = vocabulary_of(self._weights.config)
        self.longest = min(LONGEST, self._weights.config.window)

    def nats(self, texts: Sequence[Sequence[int]], ngram: NGram) -> list[np.ndarray]:
        """Of each text, of every token but the first."""
        if self._policy == RANDOM:
            return [np.full(len(text) - 1, math.log(self.vocabulary.pieces)) for text in texts]
        if self._policy == EXPERT:
            return [ngram.nats(text, self.vocabulary.end) for text in texts]
        from gato_ros.models.analysis.text_likelihood import text_nats

        return text_nats(self._weights.params, self._weights.config, texts)


def _entries(options: Evaluation, task: str) -> list[str]:
    return [str(path) for path in options.texts] if task == FILES else [task]


def _row(measured: Foreseeing, entries: Sequence[str], episodes: int) -> dict[str, Any]:
    from gato_ros.domains.text.ngram import NGram
    from gato_ros.domains.text.source import encoded

    vocabulary = measured.vocabulary
    found = dict.fromkeys(one for entry in entries for one in paragraphs(entry))
    kept = [one for one in found if held_out(one)][:episodes]
    if not kept:
        raise SetupError(
            expected="enough paragraphs to hold one in twenty out", got=str(len(found)), fix="name more text"
        )
    learned = [encoded(one, vocabulary) for one in found if not held_out(one)]
    ngram = NGram.of(learned, vocabulary.pieces, vocabulary.end)
    texts = [encoded(one, vocabulary)[: measured.longest] for one in kept]
    this, other = measured.nats(texts, ngram), [ngram.nats(text, vocabulary.end) for text in texts]
    even, yardstick = math.log(vocabulary.pieces), float(np.concatenate(other).mean())
    low, high = _interval(this)
    percent = lambda nats: 100 * (even - nats) / (even - yardstick)
    score = float(np.concatenate(this).mean())
    return {
        "episodes": len(texts),
        "score": score,
        "score_interval95": [low, high],
        "random": even,
        "expert": yardstick,
        "percent_of_expert": percent(score),
        "interval95": [percent(high), percent(low)],
        "ngram": yardstick,
        "tokens": sum(map(len, this)),
        "learned_tokens": sum(map(len, learned)),
        "attempted": len(texts),
        "dropped": [],
    }


def _interval(nats: Sequence[np.ndarray]) -> tuple[float, float]:
    """95 % of the mean over tokens, by resampling paragraphs."""
    sums, counts = (np.array([value(one) for one in nats], float) for value in (np.sum, len))
    rows = np.random.default_rng(0).integers(len(sums), size=(RESAMPLES, len(sums)))
    low, high = np.percentile(sums[rows].sum(1) / counts[rows].sum(1), [2.5, 97.5])
    return float(low), float(high)
