"""The diff engine: from the bytes of two images to counts, mask and regions."""
