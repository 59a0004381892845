"""`eflomal`, the program: its options. What it does is tested with the class, in test_eflomal."""

from xalign.compat.eflomal_core import options


def test_options_of_eflomal_are_accepted() -> None:
    words = [
        "-s",
        "a",
        "-t",
        "b",
        "-f",
        "c",
        "-r",
        "d",
        "-F",
        "e",
        "-R",
        "f",
        "-m",
        "3",
        "-n",
        "3",
        "-N",
        "0.2",
        "-1",
        "1",
        "-2",
        "1",
        "-3",
        "4",
        "-q",
        "-M",
        "x",
        "-p",
        "y",
        "-o",
    ]
    chosen = options().parse_args(words)
    assert (chosen.s, chosen.t, chosen.f, chosen.r) == ("a", "b", "c", "d")
