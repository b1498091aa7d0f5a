"""Names of people, which one person types and another looks for."""

import unicodedata


def one_name(name: str) -> str:
    """The one spelling of a name that can be written in several ways that look alike.

    Composed where a letter may stand as one character or as two (Unicode's form NFC), and without
    what nobody sees: zero-width characters and marks of direction (its category Cf).

    Source: Unicode Standard Annex 15, Unicode Normalization Forms.
    """
    seen = "".join(each for each in name if unicodedata.category(each) != "Cf")
    return unicodedata.normalize("NFC", seen)


def spellings(name: str) -> set[str]:
    """The ways in which a name may stand in files: as given, in its one spelling, decomposed."""
    one = one_name(name)
    return {name, one, unicodedata.normalize("NFD", one)}
