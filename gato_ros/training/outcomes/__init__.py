"""What episodes that ended well or badly say about their steps: values, advantages, weights."""
