"""The numbers that the money starts from: stated, measured or looked up, each with its origin."""
