"""Ways without training that every evaluation measures beside the variants."""
