"""Sentence pairs with all that is to be shown of them: links of aligners, gold links, scores."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from xalign.alignment import Alignment, GoldAlignment, Link, ScoredAlignment, SentencePair
from xalign.drawing.picture import LEAST_SHOWN, Picture
from xalign.links.metrics import Score, score_pair
from xalign.links.probabilities import WordProbabilities
from xalign.links.segmentation import Segmented


@dataclass(frozen=True, slots=True)
class Found:
    """Links of one aligner for a pair, and the ``probabilities`` of these and of other word pairs.

    Without any, the aligner gives no probabilities.
    """

    links: frozenset[Link] = frozenset()
    probabilities: Mapping[Link, float] = field(default_factory=dict)

    @classmethod
    def from_links(cls, links: ScoredAlignment, *, has_probabilities: bool) -> "Found":
        """The links of a file; numbers above 1 are no probabilities, and become 1."""
        known = {place: min(p, 1.0) for place, p in links.probabilities.items()}
        return cls(frozenset(known), known if has_probabilities else {})

    @classmethod
    def from_words(cls, words: WordProbabilities) -> "Found":
        """The links of a model, and its word pairs that are at all likely."""
        rows = words.only(words.linked | (words.link >= np.float32(LEAST_SHOWN)))
        places = list(zip(rows.src.tolist(), rows.tgt.tolist(), strict=True))
        probabilities = dict(zip(places, map(float, rows.link.astype(str)), strict=True))
        return cls(words.alignment().links, probabilities)

    def placed(self, pair: Segmented) -> "Found":
        """The same for the user's words, of which a model's words are parts or wholes."""
        links = ScoredAlignment(dict.fromkeys(self.links, 1.0))
        known = pair.place(ScoredAlignment(self.probabilities)).probabilities
        return Found(frozenset(pair.place(links).probabilities), known)


@dataclass(frozen=True, slots=True)
class ViewedPair:
    """A pair by its ``number`` in its file, with the links of each aligner.

    ``score`` is how likely it is a translation, by a model.
    """

    number: int
    pair: SentencePair
    found: tuple[Found, ...]
    gold: GoldAlignment | None = None
    score: float | None = None

    def picture(self, aligner: int = 0) -> Picture:
        """The pair with the links of an aligner, to draw it."""
        found, gold = self.found[aligner], self.gold
        sides = self.pair.src, self.pair.tgt
        if gold is None:
            return Picture(*sides, found.links, found.probabilities)
        return Picture(*sides, found.links, found.probabilities, gold.sure, gold.possible)

    def counts(self, aligner: int = 0) -> Score:
        """Counts of the links of an aligner beside gold; none without gold."""
        links = self.found[aligner].links
        if self.gold is None:
            return Score(links=len(links))
        return score_pair(Alignment(links), self.gold)
