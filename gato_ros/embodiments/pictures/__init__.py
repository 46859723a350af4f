"""From pictures as cameras send them to the pixels that a model sees: one way, wherever they come from."""
