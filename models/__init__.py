"""Gato itself: tokens, embedding, transformer, policy. Imported as gato_ros.models; JAX and numpy only."""

if __name__ != "gato_ros.models":
    # The folder lies at the checkout's top level, too: under a second name every class would exist twice.
    raise ImportError(f"expected `import gato_ros.models`; got `import {__name__}`; write gato_ros. before it")
