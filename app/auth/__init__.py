"""Registration, login, logout, and whether a request's token is good."""
