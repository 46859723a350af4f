"""Gato itself: tokens, embedding, transformer, policy. Imported as gato_ros.models; JAX and numpy only."""
