"""What a recorder costs and loses."""
