"""A mobile base that carries the arm."""
