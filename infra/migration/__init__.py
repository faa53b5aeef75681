"""The migrations step: a one-off container on dev, a one-off Fargate task in the cloud."""
