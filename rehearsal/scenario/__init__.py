"""What a rehearsal does, told in sentences: a stack's whole life, through the real engine."""
