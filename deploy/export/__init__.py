"""Exports a judged model with everything that a server needs: weights, template, stops, commands, instructions."""
