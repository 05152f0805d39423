"""The mesh engine: a portrait moves by its own face mesh and its own pixels."""
