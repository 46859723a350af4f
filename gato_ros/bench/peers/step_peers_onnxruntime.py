"""Runs under the peer's Python, not ours: a GPT-2 of a given shape in onnxruntime takes control steps on request.

    step_peers_onnxruntime.py '{"layers": 8, "width": 768, "sides": ["cached"], ...}'

The graph is built here, out of the operators that onnxruntime's own generators deploy a GPT with on a CPU: one product
for queries, keys and values, GroupQueryAttention on a cache that is written in place, SkipLayerNormalization, FastGelu.
Answers one line of JSON with the milliseconds of each side for every line that it reads.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

MICROSOFT = "com.microsoft"


class Graph:
    """GPT-2's blocks on vectors [length width], with one cache of keys and one of values per layer.

    Args:
        last_only: what follows the last layer's attention is computed for the last token alone, as llama.cpp does.
    """

    def __init__(self, shape: dict, last_only: bool):
        self.shape, self.nodes, self.initializers, self._rng = shape, [], [], np.random.default_rng(0)
        width, inner, x = shape["width"], shape["inner"], "vectors"
        self._constant("one_more_axis", np.array([0], np.int64))
        if last_only:
            self._constant("last", np.array([-1], np.int64))
        normed = self._node("LayerNormalization", x, *self._norm("0_norm_1"), axis=-1)
        for i in range(shape["layers"]):
            three = self._node("Unsqueeze", self._linear(normed, f"{i}_qkv", width, 3 * width), "one_more_axis")
            mixed = self._node("Squeeze", self._attention(three, i), "one_more_axis")
            if last_only and i == shape["layers"] - 1:
                x, mixed = (self._node("Gather", value, "last", axis=0) for value in (x, mixed))
            normed, x = self._added(self._linear(mixed, f"{i}_output", width, width), x, f"{i}_norm_2")
            hidden = self._node("FastGelu", self._linear(normed, f"{i}_in", width, inner), domain=MICROSOFT)
            normed, x = self._added(self._linear(hidden, f"{i}_out", inner, width), x, f"{i + 1}_norm_1")
        self.features = normed
        self.parameters = shape["layers"] * (4 * width**2 + 2 * width * inner)

    def serialized(self) -> bytes:
        shape, real, whole = self.shape, TensorProto.FLOAT, TensorProto.INT32
        cache = [1, shape["heads"], shape["context"], shape["width"] // shape["heads"]]
        inputs = [helper.make_tensor_value_info("vectors", real, ["length", shape["width"]])]
        inputs += [
            helper.make_tensor_value_info("newest", whole, [1]),
            helper.make_tensor_value_info("total", whole, []),
        ]
        outputs = [helper.make_tensor_value_info(self.features, real, None)]
        for name in caches(shape):
            inputs.append(helper.make_tensor_value_info(f"past_{name}", real, cache))
            outputs.append(helper.make_tensor_value_info(f"present_{name}", real, cache))
        graph = helper.make_graph(self.nodes, "gpt2", inputs, outputs, self.initializers)
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid(MICROSOFT, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString()

    def _node(self, kind: str, *inputs: str, outputs: tuple[str, ...] = (), domain: str = "", **attributes) -> str:
        outputs = outputs or (f"value_{len(self.nodes)}",)
        self.nodes.append(helper.make_node(kind, inputs, outputs, domain=domain, **attributes))
        return outputs[0]

    def _constant(self, name: str, value: np.ndarray) -> str:
        self.initializers.append(numpy_helper.from_array(value, name))
        return name

    def _linear(self, x: str, name: str, inputs: int, outputs: int) -> str:
        kernel = self._rng.standard_normal((inputs, outputs), np.float32) * np.float32(inputs**-0.5)
        bias = self._rng.standard_normal(outputs, np.float32) * np.float32(0.02)
        return self._node("Gemm", x, self._constant(f"{name}_w", kernel), self._constant(f"{name}_b", bias))

    def _norm(self, name: str) -> tuple[str, str]:
        ones, zeros = np.ones(self.shape["width"], np.float32), np.zeros(self.shape["width"], np.float32)
        return self._constant(f"{name}_scale", ones), self._constant(f"{name}_bias", zeros)

    def _added(self, branch: str, x: str, name: str) -> tuple[str, str]:
        """The normed sum, and the sum."""
        outputs = (f"{name}_normed", "", "", f"{name}_sum")
        norm = self._norm(name)
        return self._node("SkipLayerNormalization", branch, x, *norm, outputs=outputs, domain=MICROSOFT), outputs[-1]

    def _attention(self, three: str, layer: int) -> str:
        keys, values = f"key_{layer}", f"value_{layer}"
        inputs = (three, "", "", f"past_{keys}", f"past_{values}", "newest", "total")
        outputs, heads = (f"mixed_{layer}", f"present_{keys}", f"present_{values}"), self.shape["heads"]
        counts = {"num_heads": heads, "kv_num_heads": heads}
        return self._node("GroupQueryAttention", *inputs, outputs=outputs, domain=MICROSOFT, **counts)


def caches(shape: dict) -> list[str]:
    return [f"{kind}_{i}" for i in range(shape["layers"]) for kind in ("key", "value")]


class Peer:
    """A session, its caches, and what stands in them."""

    def __init__(self, shape: dict, last_only: bool):
        graph = Graph(shape, last_only)
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        self.session = onnxruntime.InferenceSession(graph.serialized(), options, ["CPUExecutionProvider"])
        self.parameters, self._features, self._shape = graph.parameters, graph.features, shape
        empty = np.zeros((1, shape["heads"], shape["context"], shape["width"] // shape["heads"]), np.float32)
        self._caches = {name: onnxruntime.OrtValue.ortvalue_from_numpy(empty.copy()) for name in caches(shape)}

    def run(self, vectors: np.ndarray, past: int) -> np.ndarray:
        """Features of new tokens [length width] behind `past` ones; what stood behind those is overwritten."""
        total, binding = past + len(vectors), self.session.io_binding()
        # Named here, so that they live as long as the run does: a binding may point into them.
        inputs = {"vectors": vectors, "newest": np.array([total - 1], np.int32), "total": np.array(total, np.int32)}
        for name, value in inputs.items():
            binding.bind_cpu_input(name, value)
        binding.bind_output(self._features)
        for name, value in self._caches.items():
            binding.bind_ortvalue_input(f"past_{name}", value)
            binding.bind_ortvalue_output(f"present_{name}", value)
        self.session.run_with_iobinding(binding)
        return binding.get_outputs()[0].numpy()


def main() -> None:
    shape = json.loads(sys.argv[1])
    vectors = np.random.default_rng(1).standard_normal((shape["context"], shape["width"]), np.float32)
    chunk, actions = shape["chunk"], shape["actions"]
    past = shape["context"] - chunk - actions
    whole = Peer(shape, last_only=False)
    peers = {"cached": whole, "cached_last_only": Peer(shape, last_only=True)}

    def cached(peer: Peer) -> np.ndarray:
        """The new tokens, then one decode per action but the last."""
        peer.run(vectors[past : past + chunk], past)
        for token in range(past + chunk, past + chunk + actions - 1):
            features = peer.run(vectors[token : token + 1], token)
        return features

    def recompute() -> np.ndarray:
        """The whole context once per action."""
        for _ in range(actions):
            features = whole.run(vectors, 0)
        return features

    # Once over the whole context, and the same by the cache: a cache that is wrong would be fast for nothing.
    expected = whole.run(vectors[: past + chunk + actions - 1], 0)[-1]
    differences = []
    for peer in peers.values():
        peer.run(vectors[:past], 0)
        differences.append(float(np.abs(cached(peer)[-1] - expected).max()))
    sides = {}
    if "cached" in shape["sides"]:
        sides |= {name: (lambda peer=peer: cached(peer)) for name, peer in peers.items()}
    if "recompute" in shape["sides"]:
        sides["recompute"] = recompute
    options = whole.session.get_session_options()
    print(
        json.dumps(
            {
                "core_parameters": whole.parameters,
                "onnxruntime": onnxruntime.__version__,
                "onnx": onnx.__version__,
                "threads": options.intra_op_num_threads,
                "largest_difference_of_cache": max(differences),
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
