"""Evidence for the guard: fuzz, oracle, mutants, fault catalogue."""
