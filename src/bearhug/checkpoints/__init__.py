"""Model folders: their files, their names of weights, and the one way in and out of them."""
