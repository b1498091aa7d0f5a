"""A contact sheet of a folder of faces."""

from pathlib import Path

from PIL import Image

_SUFFIXES = {".jpg", ".jpeg", ".png"}


def contact_sheet(
    folder: str | Path, *, rows: int = 8, columns: int = 8, cell: int = 112
) -> Image.Image:
    """Lays out pictures: a row for each identity, a column for each of its pictures.

    The identities are spread evenly over the folder, by name, among those with at least ``columns``
    pictures; where these are too few, those with the most pictures are taken.

    Args:
        folder: holds a folder of pictures for each identity, itself or in its ``images`` folder.
        rows: at most this many identities.
        columns: at most this many pictures of each.
        cell: side of a picture on the sheet in pixels.

    Returns:
        An RGB image.

    Raises:
        ValueError: ``rows``, ``columns`` or ``cell`` is below 1.
        FileNotFoundError: no pictures are there.
    """
    for name, value in (("rows", rows), ("columns", columns), ("cell", cell)):
        if value < 1:
            raise ValueError(f"{name} is {value}; it must be 1 or more")
    root = Path(folder)
    if not root.is_dir():
        raise FileNotFoundError(f"{root} is not a folder; make one with `faceauth data synthetic`")
    if (root / "images").is_dir():
        root = root / "images"
    people = []
    for person in sorted(path for path in root.iterdir() if path.is_dir()):
        images = sorted(path for path in person.iterdir() if path.suffix.lower() in _SUFFIXES)
        if images:
            people.append(images[:columns])
    if not people:
        raise FileNotFoundError(
            f"{root} has no folder with pictures ({', '.join(sorted(_SUFFIXES))})"
        )
    full = [images for images in people if len(images) == columns]
    if len(full) >= rows:
        people = [full[row * len(full) // rows] for row in range(rows)]
    else:
        people = sorted(people, key=len, reverse=True)[:rows]
    width = max(len(images) for images in people)
    sheet = Image.new("RGB", (width * cell, len(people) * cell), (255, 255, 255))
    for row, images in enumerate(people):
        for column, path in enumerate(images):
            with Image.open(path) as image:
                tile = image.convert("RGB").resize((cell, cell), Image.Resampling.LANCZOS)
            sheet.paste(tile, (column * cell, row * cell))
    return sheet
