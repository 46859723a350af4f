from hypothesis import settings

# `guard mutants` runs these tests a thousand times: fewer examples for each.
settings.register_profile("mutants", max_examples=15, deadline=None)
