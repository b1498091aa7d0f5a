"""What a pipeline's folder below ``runs_dir`` holds; docs/concepts/artifacts.md shows it."""

from typing import Final

METADATA: Final = "metadata.sqlite"
# <component>/<output>/<number of the execution>
ARTIFACTS: Final = "artifacts"
# With artifacts at an address: which metadata they are of; the same file lies there.
OWNER: Final = "owner.txt"
# Copies of what lies there, while a component works on them.
SCRATCH: Final = "scratch"
LOGS: Final = "logs"
REPORT: Final = "report"
PREVIEW: Final = "preview.png"
# What is kept from run to run.
KEPT_FACES: Final = "aligned_faces"
KEPT_EMBEDDINGS: Final = "embeddings"
# SHA-256 of the files of finished artifacts, and the artifacts that were changed since.
CHECKSUMS: Final = "checksums"
DAMAGED: Final = "damaged"
# In Trainer's own folder: the state of trainings that were stopped.
CHECKPOINTS: Final = "checkpoints"
