"""What the report shows: the ``report`` section of a config."""

from pydantic import Field

from components.section import Section


class ReportConfig(Section):
    """What goes into the report of a run.

    ``faces: false`` keeps every face out of what the report writes: no pairs of faces in the page,
    no images in TensorBoard's projector. Image ids and embeddings stay.
    """

    faces: bool = True
    # The worst false accepts, and as many of the worst false rejects.
    worst_pairs: int = Field(default=20, ge=0, le=200)
    # The longer side of a face in the page, in pixels.
    thumbnail_size: int = Field(default=112, ge=16, le=512)
    # Test images in TensorBoard's projector; 0 leaves it out. Its page gets slow with thousands.
    projector_images: int = Field(default=1000, ge=0, le=10_000)
    seed: int = Field(default=0, ge=0)
    # What the model card says beyond the numbers, in the words of who answers for the model.
    owner: str = "not stated"
    intended_use: str = (
        "Deciding whether two photographs show the same person, where both people agreed to it "
        "and a wrong answer can be put right by other means."
    )
    data_licence: str = "not stated"
