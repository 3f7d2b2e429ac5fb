"""Measures pixelgate's engine against the others: `make bench`."""
