"""Links as text."""

from xalign.alignment import ScoredAlignment


def links(text: str) -> ScoredAlignment:
    """Links such as ``0-1:0.9``, or ``0-1`` for 0.5."""
    found = {}
    for word in text.split():
        link, _, p = word.partition(":")
        i, j = map(int, link.split("-"))
        found[i, j] = float(p or 0.5)
    return ScoredAlignment(found)
