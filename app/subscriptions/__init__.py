"""What a person pays for: checkout, portal and the end of it, all at Stripe."""
