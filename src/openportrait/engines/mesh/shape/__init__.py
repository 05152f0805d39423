"""What a face is to this engine: points, how they move together, and what is around them. No pixels."""
