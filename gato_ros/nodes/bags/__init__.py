"""Recordings of plain `ros2 bag record`, read as the live loop would have read them."""
