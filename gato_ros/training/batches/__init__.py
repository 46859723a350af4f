"""Which steps make a batch, and steps that are read for each batch."""
