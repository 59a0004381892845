"""``awesome-align``: the same options and output; the model is xalign's unless one is named."""

import argparse
import sys
from contextlib import ExitStack

from xalign.compat.running import guarded, load_aligner, say
from xalign.console import BadLines
from xalign.io.files import MAX_LINE_BYTES, Source
from xalign.io.outputs import check_outputs, output
from xalign.io.pairs import read_as
from xalign.io.pharaoh import pharaoh
from xalign.links.segmentation import segmenter

THEIRS = "bert-base-multilingual-cased"
"""The encoder that scripts of awesome-align name; xalign's own model is more exact."""
UNUSED = (
    "config_name",
    "tokenizer_name",
    "cache_dir",
    "extraction",
    "softmax_threshold",
    "align_layer",
    "seed",
    "batch_size",
    "num_workers",
)


def options() -> argparse.ArgumentParser:
    """Options of awesome-align."""
    parser = argparse.ArgumentParser("awesome-align", description=__doc__)
    parser.add_argument("--data_file", required=True, metavar="FILE", help="source ||| target")
    parser.add_argument("--output_file", required=True, metavar="FILE", help="links to write")
    parser.add_argument("--output_prob_file", metavar="FILE", help="their probabilities")
    parser.add_argument("--output_word_file", metavar="FILE", help="their words")
    parser.add_argument("--model_name_or_path", metavar="NAME", help="model folder or encoder")
    parser.add_argument("--no_cuda", action="store_true", help="use the CPU")
    for name in UNUSED:
        parser.add_argument(f"--{name}", metavar="X", help="no meaning here")
    parser.add_argument("--trust_remote_code", action="store_true", help="no meaning here")
    return parser


def run(arguments: list[str]) -> None:
    """Align as awesome-align does."""
    from xalign.aligning.outputs import align_segmented

    chosen = options().parse_args(arguments)
    files = chosen.output_file, chosen.output_prob_file, chosen.output_word_file
    check_outputs(files, [chosen.data_file])
    given = {"device": "cpu"} if chosen.no_cuda else {}
    if chosen.model_name_or_path not in (None, THEIRS):
        given["model"] = chosen.model_name_or_path
    bad = BadLines()
    source = Source(chosen.data_file, MAX_LINE_BYTES)
    pairs = read_as(segmenter(None, "words", None), source, source.name, bad)
    aligner = load_aligner(**given)
    with ExitStack() as stack:
        links, probabilities, words = (
            stack.enter_context(output(path)) if path else None for path in files
        )
        assert links
        for segmented, found in align_segmented(aligner, pairs):
            pair = segmented.shown
            scored = sorted(found.scored().probabilities.items())
            links.write(pharaoh(found.alignment()))
            if probabilities:
                probabilities.write((" ".join(str(p) for _, p in scored) + "\n").encode())
            if words:
                named = (f"{pair.src[i]}<sep>{pair.tgt[j]}" for (i, j), _ in scored)
                words.write((" ".join(named) + "\n").encode())
    counts = aligner.counts
    say(f"awesome-align: {counts.pairs} pairs, {counts.empty - bad.count} empty, {bad.count} bad")


def main() -> None:
    """Run the program."""
    guarded(run, sys.argv[1:])


if __name__ == "__main__":
    main()
