"""Writes small networks as dlib does, and computes what they give: from dlib's sources, by hand."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

MEAN = (122.75, 117.0, 104.25)
SIDE = 39
NO_TENSOR = b"\x01\x02" + 4 * b"\x01\x00"
STATE = b"110" + 3 * NO_TENSOR


def integer(value: int) -> bytes:
    size = max(1, (abs(value).bit_length() + 7) // 8)
    return bytes([size | (0x80 if value < 0 else 0)]) + abs(value).to_bytes(size, "little")


def real(value: float) -> bytes:
    # Exact for the values used here: a whole number of 1 / 2^20.
    return integer(round(value * 2**20)) + integer(-20)


def text(value: str) -> bytes:
    return integer(len(value)) + value.encode()


def tensor(values: np.ndarray, version: int = 2) -> bytes:
    sizes = [*values.shape, *[1] * (4 - values.ndim)]
    return b"".join(map(integer, [version, *sizes])) + values.astype("<f4").tobytes()


def view(*sizes: int) -> bytes:
    return b"".join(map(integer, (1, *sizes)))


RATES = real(1) + real(1) + real(1) + real(0)


def convolution(kernel: np.ndarray, bias: np.ndarray, stride: int, padding: int) -> bytes:
    count, _, rows, columns = kernel.shape
    numbers = [count, rows, columns, stride, stride, padding, padding]
    return (
        text("con_4")
        + tensor(np.concatenate([kernel.ravel(), bias]))
        + b"".join(map(integer, numbers))
        + view(*kernel.shape)
        + view(1, count, 1, 1)
        + RATES
        + STATE
    )


def affine(gamma: np.ndarray, beta: np.ndarray) -> bytes:
    shape = view(1, len(gamma), 1, 1)
    flat = tensor(np.concatenate([gamma, beta]))
    return text("affine_") + flat + shape + shape + integer(0) + STATE


def pool(name: str, window: int, stride: int) -> bytes:
    return text(name) + b"".join(map(integer, [window, window, stride, stride, 0, 0])) + STATE


def dense(kernel: np.ndarray) -> bytes:
    inputs, outputs = kernel.shape
    sizes = integer(outputs) + integer(inputs)
    views = view(inputs, outputs, 1, 1) + view(0, 0, 0, 0)
    return text("fc_2") + sizes + tensor(kernel) + views + integer(1) + RATES + STATE


def plain(name: str) -> bytes:
    return text(name) + STATE


@dataclass
class TinyNetwork:
    """A stem of 4 channels, a block of the same size, one that halves it to 6, a matrix to 5.

    The last convolution leaves a smaller map than the pool beside it, and more channels.
    """

    seed: int = 0
    side: int = SIDE
    parts: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        random = np.random.default_rng(self.seed)

        def weights(count: int, channels: int, size: int) -> tuple[np.ndarray, ...]:
            kernel = random.normal(0, (2 / channels) ** 0.5 / size, (count, channels, size, size))
            rest = (0.2 * random.normal(size=count), 1 + 0.2 * random.normal(size=count))
            return tuple(
                each.astype(np.float32) for each in (kernel, *rest, random.normal(size=count))
            )

        self.stem = weights(4, 3, 7)
        self.blocks = [(weights(4, 4, 3), weights(4, 4, 3)), (weights(6, 4, 3), weights(6, 6, 3))]
        self.matrix = random.normal(size=(6, 5)).astype(np.float32)
        self._write()

    def _write(self) -> None:
        header = integer(1) + text("loss_metric_2") + real(0.0625) + real(0.5)
        # One version a nested layer: 2, of a tag 1, and 3 beside the input.
        header += b"".join(map(integer, [2, 2, 1, 2, 3])) + text("input_rgb_image_sized")
        header += b"".join(map(real, MEAN)) + integer(self.side) * 2
        kernel, bias, gamma, beta = self.stem
        self.parts = [header, convolution(kernel, bias, 2, 0) + integer(1), affine(gamma, beta)]
        self.parts += [plain("relu_"), pool("max_pool_2", 3, 2)]
        for number, ((k1, b1, g1, s1), (k2, b2, g2, s2)) in enumerate(self.blocks):
            stride, padding = ((1, 1), (2, 0))[number]
            self.parts += [convolution(k1, b1, stride, padding), affine(g1, s1), plain("relu_")]
            self.parts += [convolution(k2, b2, 1, 1), affine(g2, s2)]
            if stride == 2:
                self.parts.append(pool("avg_pool_2", 2, 2))
            self.parts += [plain("add_prev_"), plain("relu_")]
        self.parts += [pool("avg_pool_2", 0, 1), dense(self.matrix)]

    def write(self, path: Path) -> Path:
        path.write_bytes(b"".join(self.parts))
        return path

    def offset(self, part: int) -> int:
        """Where a part begins in the file."""
        return len(b"".join(self.parts[:part]))

    def embed(self, pixels: np.ndarray) -> np.ndarray:
        """float64 ``[N, 5]`` of RGB ``[N, S, S, 3]``: loops over windows, nothing folded."""
        x = ((pixels - np.array(MEAN)) / 256).transpose(0, 3, 1, 2)
        x = _pooled(np.maximum(_convolved(x, self.stem, 2, 0), 0), 3, np.max)
        for number, (first, second) in enumerate(self.blocks):
            stride, padding = ((1, 1), (2, 0))[number]
            y = np.maximum(_convolved(x, first, stride, padding), 0)
            y = _convolved(y, second, 1, 1)
            beside = _pooled(x, 2, np.mean) if stride == 2 else x
            size = [max(sizes) for sizes in zip(y.shape, beside.shape, strict=True)]
            total = np.zeros(size)
            for each in (y, beside):
                total[:, : each.shape[1], : each.shape[2], : each.shape[3]] += each
            x = np.maximum(total, 0)
        return x.mean(axis=(2, 3)) @ self.matrix.astype(np.float64)


def _convolved(
    x: np.ndarray, weights: tuple[np.ndarray, ...], stride: int, padding: int
) -> np.ndarray:
    kernel, bias, gamma, beta = (each.astype(np.float64) for each in weights)
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    size = kernel.shape[2]
    rows = range(0, x.shape[2] - size + 1, stride)
    out = np.stack(
        [
            np.stack(
                [
                    np.einsum(
                        "ncrs,kcrs->nk", x[:, :, top : top + size, left : left + size], kernel
                    )
                    for left in rows
                ],
                axis=-1,
            )
            for top in rows
        ],
        axis=-2,
    )
    out += bias[:, None, None]
    return out * gamma[:, None, None] + beta[:, None, None]


def _pooled(x: np.ndarray, size: int, reduce) -> np.ndarray:  # type: ignore[no-untyped-def]
    rows = range(0, x.shape[2] - size + 1, 2)
    return np.stack(
        [
            np.stack(
                [
                    reduce(x[:, :, top : top + size, left : left + size], axis=(2, 3))
                    for left in rows
                ],
                axis=-1,
            )
            for top in rows
        ],
        axis=-2,
    )
