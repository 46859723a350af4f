"""How success depends on data, on size or on a start: cells that are trained and evaluated, each once."""
