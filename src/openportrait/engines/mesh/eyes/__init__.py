"""Eyes: separated into layers once for each portrait, then shown through the moved lids in every picture."""
