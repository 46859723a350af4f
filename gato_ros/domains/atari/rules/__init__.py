"""How each game is played, read from the console's memory. Addresses are those of AtariARI (Anand et al. 2019)."""
