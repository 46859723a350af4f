"""One set of weights from the sequences of several domains."""
