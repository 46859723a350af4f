"""Worlds that no training touches: what `evaluate --world NAME` measures in."""
