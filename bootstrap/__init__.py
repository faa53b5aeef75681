"""What staging and production share, and what must be there before either: a Pulumi program of its own."""
