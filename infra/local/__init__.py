"""The dev environment: everything as containers of this machine's Docker Engine."""
