"""Properties: seqmine, through its public names, against the oracle in `tests/reference`."""
