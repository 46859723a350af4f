"""What random play and the experts reach in each domain, as `evaluate --policy random|expert` wrote it."""
