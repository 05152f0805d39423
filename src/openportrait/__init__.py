"""OpenPortrait: a portrait moves like a driving picture, video or motion template."""
