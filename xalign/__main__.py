"""The program ``xalign``, also as ``python -m xalign``."""

import gc
import sys


def main() -> None:
    """Run the command line; Ctrl-C while it is being imported ends it like later ones do."""
    try:
        from xalign.cli.main import app
    except KeyboardInterrupt:
        print("xalign: interrupted", file=sys.stderr)
        sys.exit(130)
    try:
        app(prog_name="xalign")
    finally:
        gc.freeze()  # Python need not look for garbage at the end, which takes a third of a second


if __name__ == "__main__":
    main()
