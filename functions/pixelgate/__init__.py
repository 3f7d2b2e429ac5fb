"""pixelgate: visual regression testing in your own AWS account."""

__version__ = "0.2.0"
