"""The layers of Gato as Flax NNX modules, in the words of the paper."""
