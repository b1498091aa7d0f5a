"""What can go wrong with enrolled people; each message says what to do."""


class EnrolmentError(Exception):
    """The base of the errors of this package."""


class NotEnrolledError(EnrolmentError):
    """Nobody is enrolled under this ID."""


class ModelChangedError(EnrolmentError):
    """The templates were made by another version of the model, and mean nothing to this one."""


class TemplateKeyError(EnrolmentError):
    """There is no key, it is malformed, or it does not open the templates."""
