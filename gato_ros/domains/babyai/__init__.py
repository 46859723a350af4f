"""BabyAI: missions in words in a world of tiles (Chevalier-Boisvert et al. 2019), through `minigrid`."""
