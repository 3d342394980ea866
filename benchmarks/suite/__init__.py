"""All measures, one after the other, into one file of figures (`scripts/benchmark`)."""
