"""Who is told when something is wrong, and what it takes to notice."""
