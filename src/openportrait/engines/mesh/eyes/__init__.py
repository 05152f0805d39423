"""Eyes: taken apart once a portrait, shown through the moved lids in every picture."""
