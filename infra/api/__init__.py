"""The API: containers on dev, ECS Fargate in the cloud."""
