"""What runs by the clock or on demand beside the API, as the database's owner (`python -m jobs --help`).

It has no more than Debian's Python, psycopg and boto3 to run with, and PostgreSQL's programs: images/ops/Dockerfile.
"""
