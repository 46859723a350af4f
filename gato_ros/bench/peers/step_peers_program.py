"""Runs under the peer's Python, not ours: a transformers GPT-2 of a given shape takes control steps on request.

    step_peers_program.py '{"layers": 8, "width": 768, "sides": ["cached"], ...}'

Answers one line of JSON with the milliseconds of each side for every line that it reads.
"""

from __future__ import annotations

import json
import sys
import time


def main() -> None:
    shape = json.loads(sys.argv[1])
    import torch
    import transformers

    torch.set_grad_enabled(False)
    torch.manual_seed(0)
    # Words are never looked up: vectors of the tokens come in, as in ours after the embedding.
    config = transformers.GPT2Config(
        vocab_size=1,
        n_positions=shape["context"],
        n_embd=shape["width"],
        n_layer=shape["layers"],
        n_head=shape["heads"],
        n_inner=shape["inner"],
        bos_token_id=0,
        eos_token_id=0,
    )
    model = transformers.GPT2Model(config).eval()
    core = sum(value.numel() for name, value in model.named_parameters() if name.startswith("h.") and value.ndim == 2)
    vectors = torch.randn(1, shape["context"], shape["width"])
    chunk, actions = shape["chunk"], shape["actions"]
    past = shape["context"] - chunk - actions
    cache = transformers.DynamicCache()
    model(inputs_embeds=vectors[:, :past], past_key_values=cache, use_cache=True)

    def recompute() -> None:
        """The whole context once per action, as replicas of Gato without a cache do."""
        for _ in range(actions):
            model(inputs_embeds=vectors, use_cache=False)

    def cached() -> None:
        """The new tokens, then one decode per action but the last; then the cache is cut back to the past."""
        model(inputs_embeds=vectors[:, :chunk], past_key_values=cache, use_cache=True)
        for _ in range(actions - 1):
            model(inputs_embeds=vectors[:, :1], past_key_values=cache, use_cache=True)
        cache.crop(-(chunk + actions - 1))

    sides = {name: side for name, side in {"recompute": recompute, "cached": cached}.items() if name in shape["sides"]}
    for side in sides.values():
        side()
    print(
        json.dumps(
            {
                "core_parameters": core,
                "torch": torch.__version__,
                "transformers": transformers.__version__,
                "threads": torch.get_num_threads(),
            }
        ),
        flush=True,
    )
    for _ in sys.stdin:
        times = {}
        for name, side in sides.items():
            start = time.perf_counter()
            side()
            times[name] = 1e3 * (time.perf_counter() - start)
        print(json.dumps(times), flush=True)


if __name__ == "__main__":
    main()
