"""From the results to one decision, with its reasons, its flip points and the strongest doubt."""
