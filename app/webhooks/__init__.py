"""What other services tell the API by themselves."""
