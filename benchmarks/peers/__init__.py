"""seqmine against the field's own tools, side by side: one folder per question, one file per competitor."""
