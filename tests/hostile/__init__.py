"""Inputs that somebody made to break the product, by the hundred, from a seed."""
