"""The Nuggetwise API: `python -m app` serves it, `app.main.create_app` composes it."""
