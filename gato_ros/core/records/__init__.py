"""How values are written so that they can be read again to the bit, and by newer code."""
