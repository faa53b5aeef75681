"""How the rehearsed cloud says no."""


class Refused(Exception):
    """The cloud will not do it. The text begins with the code that the real service answers with."""
