"""A source in two layers: the person, and the background behind it."""
