"""What each environment consists of, composed from the rooms."""
