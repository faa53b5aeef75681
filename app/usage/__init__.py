"""What people did and how often: told by their clients, or counted by the API itself."""
