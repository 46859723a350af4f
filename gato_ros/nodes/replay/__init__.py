"""An incident again, one module per layer of the loop."""
