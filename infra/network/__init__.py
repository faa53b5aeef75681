"""A Docker network on dev, a VPC in the cloud."""
