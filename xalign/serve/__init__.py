"""An aligner behind HTTP, for editors and other programs that ask often for little."""
