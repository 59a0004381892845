"""`eflomal-makepriors`: its options. What it counts is tested with the class, in test_eflomal."""

from xalign.compat.eflomal_makepriors import options


def test_options_of_makepriors_are_accepted() -> None:
    chosen = options().parse_args(["-i", "a", "-f", "b", "-r", "c", "-p", "d", "-v"])
    assert (chosen.input, chosen.forward_alignments, chosen.reverse_alignments) == ("a", "b", "c")
