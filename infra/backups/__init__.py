"""Where backups are kept: an S3-compatible store on dev, S3 in the cloud."""
