"""A source in two layers: the person, and what is behind."""
