"""The operator's input as mathematics: dead man's switch, stick mapping, key repeats."""
