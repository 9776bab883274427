"""Rivals: ways to get outputs without training, against which the verdict for training must hold."""
