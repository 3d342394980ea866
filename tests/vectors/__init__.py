"""Golden vectors: what a second program, in any language, must compute too."""
