"""The review site: pages where people look at builds and decide, on Lambda or on a laptop."""
