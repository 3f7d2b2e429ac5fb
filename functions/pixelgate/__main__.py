"""`python -m pixelgate` is the same as `pixelgate`."""

from pixelgate.cli import main

if __name__ == "__main__":
    main()
