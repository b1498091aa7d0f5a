"""What is wrong with a data set, said so that its owner can mend it."""


class DataError(ValueError):
    """The data set cannot be used. The message names the value, the place and the remedy."""
