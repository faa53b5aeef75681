"""Stand-ins for Stripe and v0 on dev."""
