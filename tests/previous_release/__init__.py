"""The release before the newest revision: its code and tests, out of git, to run against the newest schema."""
