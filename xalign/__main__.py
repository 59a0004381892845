"""The program ``xalign``, also as ``python -m xalign``."""

import sys


def main() -> None:
    """Run the command line; Ctrl-C while it is being imported ends it like later ones do."""
    try:
        from xalign.cli.main import app
    except KeyboardInterrupt:
        print("xalign: interrupted", file=sys.stderr)
        sys.exit(130)
    app(prog_name="xalign")


if __name__ == "__main__":
    main()
