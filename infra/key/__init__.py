"""Keys that encrypt what a cloud stack keeps."""
