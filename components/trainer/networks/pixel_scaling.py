"""What a network that was trained elsewhere wants to see, made from pixels of 0 to 255."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="faceauth")
class PixelScaling(layers.Layer):
    """``(pixels - mean) / deviation`` for each channel, with the channels in the order wanted.

    Grey images become three equal channels where three are wanted.

    Args:
      mean: Of the channels in the order of the pixels, red first, in 0 to 255.
      deviation: Likewise.
      reverse: Whether blue comes first in the result.
      channels: Of the result, 1 or 3.
      result_dtype: Of the result.

    Example:
      ``PixelScaling([127.5], [127.5])`` gives -1 to 1.
    """

    def __init__(
        self,
        mean: Sequence[float],
        deviation: Sequence[float],
        reverse: bool = False,
        channels: int = 3,
        result_dtype: str = "float32",
        **options: Any,
    ):
        super().__init__(**options)
        self.mean, self.deviation = tuple(mean), tuple(deviation)
        self.reverse, self.channels, self.result_dtype = reverse, channels, result_dtype

    def call(self, images: Any) -> Any:
        """Returns ``[N, H, W, channels]`` for uint8 or float ``[N, H, W, 1 or channels]``."""
        images = ops.cast(images, "float32")
        if images.shape[-1] < self.channels:
            images = ops.repeat(images, self.channels, axis=-1)
        images = images - ops.convert_to_tensor(self.mean, "float32")
        images = images / ops.convert_to_tensor(self.deviation, "float32")
        if self.reverse:
            images = ops.flip(images, axis=-1)
        return ops.cast(images, self.result_dtype)

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        """As many channels as wanted."""
        return (*input_shape[:-1], self.channels)

    def compute_output_spec(self, images: Any) -> keras.KerasTensor:
        """The shape, and the dtype that is asked for."""
        return keras.KerasTensor(self.compute_output_shape(images.shape), self.result_dtype)

    def get_config(self) -> dict[str, Any]:
        """Returns what rebuilds this layer."""
        return {
            **super().get_config(),
            "mean": self.mean,
            "deviation": self.deviation,
            "reverse": self.reverse,
            "channels": self.channels,
            "result_dtype": self.result_dtype,
        }
