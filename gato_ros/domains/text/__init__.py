"""Plain text, to learn to write from and to be measured on."""
