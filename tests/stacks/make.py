"""Makes what the tests beside it read, on the stack that runs it: ``python tests/stacks/make.py``.

A zip file named after the TFX release: the model that a run of the whole tiny pipeline pushed, four
of its test images, what the model said of them, and the run's metadata store.
"""

import json
import subprocess
import sys
import tempfile
import zipfile
from importlib import metadata
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).resolve().parent
PROJECT = FOLDER.parents[1]
IMAGES = ("test_0/0.jpg", "test_0/1.jpg", "test_1/0.jpg", "test_2/0.jpg")


def main() -> None:
    """Runs the pipeline of the end-to-end tests and packs what it left."""
    import tensorflow as tf

    sys.path[:0] = [str(FOLDER.parent / "e2e")]
    import tiny_faces
    from test_chain import CONFIG

    with tempfile.TemporaryDirectory(prefix="faceauth-stack-") as name:
        work = Path(name)
        tiny_faces.write(work / "faces")
        (work / "tiny.yaml").write_text(CONFIG.format(folder=work))
        subprocess.run(
            [sys.executable, "-m", "pipeline.faceauth", "run", "--config", work / "tiny.yaml"],
            check=True,
            cwd=PROJECT,
        )
        [version] = [path for path in (work / "models/faceauth").iterdir() if path.name.isdigit()]
        model = tf.saved_model.load(str(version))
        files = [(work / "faces" / image).read_bytes() for image in IMAGES]
        a, b = np.triu_indices(len(files), 1)
        images = np.array(files, object)
        said = model.signatures["serving_default"](
            image_a=tf.constant(images[a]), image_b=tf.constant(images[b])
        )
        expected = {"a": a.tolist(), "b": b.tolist()}
        expected |= {key: value.numpy().tolist() for key, value in said.items()}
        target = FOLDER / f"tfx-{metadata.version('tfx')}.zip"
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
            for path in sorted(version.rglob("*")):
                if path.is_file():
                    packed.write(path, Path("model", path.relative_to(version)))
            for index, content in enumerate(files):
                packed.writestr(f"images/{index}.jpg", content)
            packed.writestr("expected.json", json.dumps(expected))
            packed.write(work / "runs/tiny/metadata.sqlite", "metadata.sqlite")
        print(target, target.stat().st_size)


if __name__ == "__main__":
    main()
