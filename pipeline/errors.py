"""What ends a command with a message that was laid out for a person."""


class CommandError(Exception):
    """Ends a command; its message is shown as it is, also where it has several lines."""
