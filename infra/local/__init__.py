"""Names that the states of earlier releases refer to; the code has moved to the rooms."""
