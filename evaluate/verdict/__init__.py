"""From the results to one decision, with its reasons, flip points and strongest doubt."""
