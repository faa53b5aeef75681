"""`python -m app`: check the settings, then serve until SIGTERM."""

import sys

from app.settings import SettingsError, load_settings


def main() -> int:
    try:
        settings = load_settings()
    except SettingsError as error:
        for line in error.lines:
            print(line, file=sys.stderr)
        return 2

    # Only now: with wrong settings nobody should wait for the frameworks to be imported.
    from app.logs import configure_logs
    from app.sentry import start_sentry

    configure_logs(settings)
    start_sentry(settings)

    from app.main import create_app
    from app.server import serve

    serve(create_app(settings), settings)
    return 0


if __name__ == "__main__":
    sys.exit(main())
