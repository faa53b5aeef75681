"""What an operator did or met that a command cannot go on with."""


class OperatorError(Exception):
    """The text says what is wrong and what to do; it is shown without a traceback."""
