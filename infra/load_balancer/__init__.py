"""What stands in front of the API: nginx on dev, an Application Load Balancer in the cloud."""
