"""What Gato can see and do: one room for each domain, imported where somebody asks for it."""
