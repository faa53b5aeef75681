"""Who may connect to what inside the VPC."""
