"""Does generality pay? The paper's Figures 8 to 10 in small: a task from weights or from nothing, and several sizes."""
