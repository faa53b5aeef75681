"""Images of the release, tagged by content: built on dev, published to the registry for the cloud."""
