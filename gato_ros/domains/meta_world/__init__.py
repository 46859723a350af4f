"""Meta-World: fifty tasks of a simulated Sawyer at a table (Yu et al. 2019), through `metaworld` and MuJoCo."""
