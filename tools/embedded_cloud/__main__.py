"""Start the embedded cloud, say how to reach it, and keep it until Ctrl-C."""

import contextlib
import signal

from .cloud import EmbeddedCloud


def main() -> None:
    """Run in the foreground."""
    with EmbeddedCloud.start() as cloud, contextlib.suppress(KeyboardInterrupt):
        print(f"# logs of the functions: {cloud.log_dir}")
        for name, value in cloud.variables().items():
            print(f"export {name}={value}")
        for name, value in cloud.stack.outputs.items():
            print(f"# {name}: {value}")
        print("# Ctrl-C ends it", flush=True)
        signal.pause()


if __name__ == "__main__":
    main()
