"""What a step costs, by arithmetic and by measurement."""
