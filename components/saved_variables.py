"""The variables of a SavedModel, read and written without tracing its graph again."""

from pathlib import Path
from typing import Any, Final

VARIABLES: Final = Path("variables", "variables")
_FINGERPRINT: Final = "fingerprint.pb"


def read_variables(model: str | Path) -> dict[str, Any]:
    """All tensors of a SavedModel's checkpoint, by their keys.

    Raises:
      ValueError: There is none.
    """
    import tensorflow as tf

    try:
        reader = tf.train.load_checkpoint(str(Path(model, VARIABLES)))
    except (tf.errors.OpError, ValueError) as error:
        raise ValueError(f"{model} is no SavedModel with variables ({error})") from None
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_dtype_map()}


def write_variables(model: Path, values: dict[str, Any]) -> None:
    """Writes the checkpoint of a SavedModel anew; its graph stays.

    Args:
      model: The SavedModel's folder.
      values: All tensors, by their keys.
    """
    import tensorflow as tf

    (model / VARIABLES.parent).mkdir(exist_ok=True)
    names = sorted(values)
    tf.raw_ops.SaveV2(
        prefix=str(model / VARIABLES),
        tensor_names=names,
        shape_and_slices=[""] * len(names),
        tensors=[tf.constant(values[name]) for name in names],
    )
    renew_fingerprint(model)


def renew_fingerprint(model: Path) -> None:
    """Makes ``fingerprint.pb`` that of the new variables, as TensorFlow itself computes it."""
    import tensorflow as tf
    from tensorflow.core.protobuf import fingerprint_pb2

    path = model / _FINGERPRINT
    if not path.is_file():
        return
    index = (model / f"{VARIABLES}.index").read_bytes()
    [digest] = tf.fingerprint([index]).numpy().view("<u8")
    fingerprint = fingerprint_pb2.FingerprintDef.FromString(path.read_bytes())
    fingerprint.checkpoint_hash = int(digest.item())
    path.write_bytes(fingerprint.SerializeToString(deterministic=True))
