"""Ways to get outputs without training, measured beside the variants: what a verdict for training must hold against."""
