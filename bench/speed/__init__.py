"""How fast pixelgate's engine is, and how fast the others are: `make bench`."""
