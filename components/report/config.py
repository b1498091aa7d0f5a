"""What the report shows: the ``report`` section of a config."""

from pydantic import Field

from components.section import Section


class ReportConfig(Section):
    """What goes into the report of a run.

    ``faces: false`` keeps every face out of what the report writes: no pairs of faces in the page,
    no images in TensorBoard's projector. Image ids and embeddings stay.
    """

    faces: bool = Field(True, description="Whether faces of people are shown.")
    worst_pairs: int = Field(
        default=20,
        ge=0,
        le=200,
        description="How many of the worst false accepts are shown, and of the worst false "
        "rejects.",
    )
    thumbnail_size: int = Field(
        default=112, ge=16, le=512, description="The longer side of a face in the page, in pixels."
    )
    projector_images: int = Field(
        default=1000,
        ge=0,
        le=10_000,
        description="Test images in TensorBoard's projector; 0 leaves it out. Its page gets slow "
        "with thousands.",
    )
    seed: int = Field(default=0, ge=0, description="Of which test images are in the projector.")
    owner: str = Field("not stated", description="For the model card: who answers for the model.")
    intended_use: str = Field(
        "Deciding whether two photographs show the same person, where both people agreed to it "
        "and a wrong answer can be put right by other means.",
        description="For the model card: what the model is for.",
    )
    data_licence: str = Field(
        "not stated", description="For the model card: under which terms the photos may be used."
    )
