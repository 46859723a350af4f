"""A trained model at work: policy, streaming, precision, compiled steps."""
