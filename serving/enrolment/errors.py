"""What can go wrong with enrolled people; each message says what to do."""


class EnrolmentError(Exception):
    """The base of the errors of this package."""


class NotEnrolledError(EnrolmentError):
    """Nobody is enrolled under this ID."""


class ModelChangedError(EnrolmentError):
    """The templates were made by another model, and mean nothing to the one that answers."""


class StoreError(EnrolmentError):
    """The template store cannot be read or written now; nothing was decided and nothing changed."""


class TemplateKeyError(EnrolmentError):
    """There is no key, it is malformed, or it does not open the templates."""
