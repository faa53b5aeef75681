"""The one-off task that encrypts every stored secret anew under the newest key: `python -m app.rotate_keys`."""

NAME = "reencryption"
"""Of its container; its task definition's family is `nuggetwise-<stack>-reencryption`."""
