"""Gradient descent on data, beside its closed form and random search."""
