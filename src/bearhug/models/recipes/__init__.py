"""models/recipes."""
