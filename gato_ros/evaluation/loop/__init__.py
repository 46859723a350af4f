"""What the verb `sim` saw of the whole loop, and its page."""
