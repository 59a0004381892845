"""Pictures of one sentence pair: in a terminal, as SVG, PNG and TikZ."""
