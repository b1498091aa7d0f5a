"""Where the file of dlib's face network lies: in a package, or where a config says."""

from importlib import util
from pathlib import Path

PACKAGE = "face_recognition_models"
FILE = "dlib_face_recognition_resnet_model_v1.dat"


def network_file(weights: str | None) -> Path:
    """Where the network's file lies.

    The package is found, not imported: it would import ``pkg_resources``, which few have.

    Args:
      weights: A path, or None for the package's own.

    Raises:
      FileNotFoundError: There is none; the message says how to get one.
    """
    remedy = f"install the package {PACKAGE} (pip install 'faceauth[faces]')"
    if weights not in (None, PACKAGE):
        path = Path(weights).expanduser()
        if not path.is_file():
            raise FileNotFoundError(
                f"training.network.weights is {str(path)!r}, and there is no such file; {remedy} "
                f"and leave weights out, or give the path of {FILE}"
            )
        return path
    spec = util.find_spec(PACKAGE)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / "models" / FILE
        if path.is_file():
            return path
    missing = f"is installed without models/{FILE}" if spec else "is not installed"
    raise FileNotFoundError(
        f"training.network is dlib_resnet, and the package {PACKAGE}, which brings its weights, "
        f"{missing}; {remedy}, or give the path of {FILE} as training.network.weights"
    )
