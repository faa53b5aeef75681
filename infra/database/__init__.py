"""PostgreSQL: a container on dev, RDS in the cloud, or one that lives elsewhere."""

NAME = "nuggetwise"
OWNER, API = "nuggetwise_owner", "nuggetwise_api"

# RDS's port with us. Not PostgreSQL's own, which is the first to be tried:
# https://docs.aws.amazon.com/securityhub/latest/userguide/rds-controls.html#rds-23
PORT = 5433
