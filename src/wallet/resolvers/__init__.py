"""Thin: authorise, read the input, call one service, shape the answer."""
