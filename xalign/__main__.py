"""``python -m xalign`` is ``xalign``."""

from xalign.cli.main import app

if __name__ == "__main__":
    app(prog_name="xalign")
