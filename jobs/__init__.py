"""What runs by the clock or on demand beside the API, as the database's owner (`python -m jobs --help`).

It has no more than Debian's Python and psycopg to run with: images/ops/Dockerfile.
"""
