"""IAM roles: policies as plain functions, and the roles that carry them."""
