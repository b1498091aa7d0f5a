"""Who is shown and how the picture was taken: the numbers a synthetic face is drawn from.

An :class:`Identity` stays the same in every picture of a person; a :class:`Shot` is drawn anew for
every picture. Lengths are in face units: 1 is half the height of the head, x grows to the right, y
downwards, and (0, 0) is the middle of the face.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

T = TypeVar("T")
Colour = tuple[float, float, float]  # red, green, blue, each 0 to 255

# First words of the seed sequences. SeedSequence pads with zeros, so [seed, 3] and [seed, 3, 0]
# would be one stream; the stream number and a fixed length keep the streams apart.
_IDENTITY_STREAM, _SHOT_STREAM, _PIXEL_STREAM = 1, 2, 3

SKIN_GROUPS = ("light", "medium", "dark")
HAIR_STYLES = (
    "bald", "buzz", "short", "side", "spiky", "curly", "receding",
    "fringe", "centre", "bob", "long", "bun", "afro",
)  # fmt: skip
_HAIR_STYLE_SHARES = (4, 7, 11, 13, 7, 9, 7, 8, 8, 8, 9, 5, 4)
BEARDS = ("none", "stubble", "moustache", "goatee", "full")
GLASSES = ("none", "round", "square", "browline")
OCCLUDERS = ("none", "sunglasses", "mask", "cap", "scarf")
LIGHTS = ("bright", "dim", "side")

_SKIN_STOPS: tuple[Colour, ...] = (
    (250, 222, 204), (240, 196, 168), (220, 166, 130), (186, 128, 92), (148, 98, 70), (106, 70, 54),
)  # fmt: skip
_HAIR_COLOURS: dict[str, tuple[Colour, ...]] = {
    "dark": ((30, 26, 28), (52, 36, 30), (78, 52, 38)),
    "fair": ((124, 82, 48), (168, 116, 62), (214, 172, 104)),
    "red": ((120, 52, 30), (172, 82, 42)),
    "grey": ((112, 110, 112), (186, 184, 182)),
}
_IRIS_COLOURS: tuple[Colour, ...] = (
    (62, 38, 24), (96, 62, 34), (122, 102, 56), (84, 122, 88), (92, 138, 168), (112, 124, 136),
)  # fmt: skip
_IRIS_SHARES = ((3, 4, 2, 3, 5, 2), (6, 6, 3, 1, 1, 0.5), (8, 4, 1, 0, 0, 0))  # by skin group
_FRAME_COLOURS: tuple[Colour, ...] = (
    (28, 28, 32), (96, 54, 32), (150, 40, 48), (44, 72, 122), (176, 140, 76), (120, 122, 128),
)  # fmt: skip


@dataclass(frozen=True)
class Identity:
    """What stays the same in every picture of one person. Angles in radians, shares in [0, 1]."""

    skin_group: str
    skin: Colour
    head_width: float
    squareness: float  # exponent of the head's superellipse; 2 is an ellipse
    jaw_taper: float
    chin: float  # length of the lower half of the head
    ear_size: float
    hair_group: str
    hair_colour: Colour
    hair_style: str
    hair_volume: float
    hairline: float  # y of the hairline over the forehead
    part_side: int  # -1 or 1
    eye_x: float
    eye_y: float
    eye_width: float
    eye_height: float
    eye_tilt: float
    iris: Colour
    lashes: bool
    brow_gap: float  # distance from the eye to the brow
    brow_length: float
    brow_thickness: float
    brow_arch: float
    brow_tilt: float
    nose_length: float
    nose_width: float
    nose_hook: float
    mouth_y: float
    mouth_width: float
    upper_lip: float
    lower_lip: float
    lip_redness: float
    blush: float
    freckles: bool
    moles: tuple[tuple[float, float, float], ...]  # x, y, radius
    scar: tuple[float, float, float] | None  # x, y, angle
    beard: str
    glasses: str
    frame_colour: Colour
    lens_size: float


@dataclass(frozen=True)
class Shot:
    """What differs from picture to picture. Angles in radians, positions as shares of the side."""

    yaw: float
    pitch: float
    roll: float
    half_height: float  # of the head, as a share of the side
    centre: tuple[float, float]
    smile: float  # -1 sad to 1 broad
    mouth_open: float
    brow_raise: float
    eye_open: float
    gaze: tuple[float, float]
    hair_mess: float
    wears_glasses: bool
    occluder: str
    occluder_colour: Colour
    light: str
    light_direction: tuple[float, float, float]  # towards the light; z to the camera
    ambient: float
    exposure: float
    contrast: float
    temperature: tuple[float, float, float]  # gain of red, green and blue
    background: tuple[Colour, Colour]
    shirt: Colour
    collar: int
    blur: float  # standard deviation, as a share of the side
    noise: float  # standard deviation in grey levels
    jpeg_quality: int

    @property
    def pose(self) -> str:
        """``turned`` when the head is turned by 15 degrees or more, else ``frontal``."""
        return "turned" if abs(self.yaw) >= np.radians(15) else "frontal"


def _generator(*words: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(words)))


def pixel_generator(seed: int, identity: int, index: int) -> np.random.Generator:
    """The random numbers for details without a name: background shapes, freckles, noise."""
    return _generator(seed, _PIXEL_STREAM, identity, index)


def detail_generator(seed: int, identity: int) -> np.random.Generator:
    """The random numbers for a person's unnamed details, the same in every picture of them."""
    return _generator(seed, _PIXEL_STREAM + 1, identity, 0)


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """``first`` with ``share`` of ``second`` mixed in; colours are clipped to 0..255."""
    red, green, blue = (
        min(255.0, max(0.0, a + (b - a) * share)) for a, b in zip(first, second, strict=True)
    )
    return red, green, blue


def _vary(rng: np.random.Generator, colour: Colour, spread: float) -> Colour:
    red, green, blue = np.clip(np.array(colour) + rng.normal(0, spread, 3), 8, 250).tolist()
    return red, green, blue


def _pick(
    rng: np.random.Generator, options: Sequence[T], shares: Sequence[float] | None = None
) -> T:
    weights = None if shares is None else np.array(shares) / np.sum(shares)
    return options[int(rng.choice(len(options), p=weights))]


def _blend_stops(stops: Sequence[Colour], position: float) -> Colour:
    """The colour at ``position`` in [0, 1] along evenly spaced ``stops``."""
    scaled = position * (len(stops) - 1)
    low = min(int(scaled), len(stops) - 2)
    return mix(stops[low], stops[low + 1], scaled - low)


def sample_identity(seed: int, identity: int) -> Identity:
    """Draws a person; the same (seed, identity) is always the same person."""
    rng = _generator(seed, _IDENTITY_STREAM, identity, 0)
    uniform = rng.uniform
    group = int(rng.integers(len(SKIN_GROUPS)))
    skin = _vary(rng, _blend_stops(_SKIN_STOPS, (group + uniform()) / len(SKIN_GROUPS)), 3)
    style = _pick(rng, HAIR_STYLES, _HAIR_STYLE_SHARES)
    hair_shares = (0.6, 0.23, 0.06, 0.11) if group == 0 else (0.82, 0.06, 0.01, 0.11)
    hair_group = _pick(rng, tuple(_HAIR_COLOURS), hair_shares)
    hair_colour = _vary(rng, _blend_stops(_HAIR_COLOURS[hair_group], uniform()), 5)
    bearded = rng.random() < (0.1 if style in ("bob", "long", "bun", "fringe") else 0.5)
    return Identity(
        skin_group=SKIN_GROUPS[group],
        skin=skin,
        head_width=uniform(0.68, 0.84),
        squareness=uniform(1.95, 2.7),
        jaw_taper=uniform(0.06, 0.34),
        chin=uniform(0.92, 1.08),
        ear_size=uniform(0.12, 0.21),
        hair_group="none" if style == "bald" else hair_group,
        hair_colour=hair_colour,
        hair_style=style,
        hair_volume=uniform(0.06, 0.24),
        hairline=uniform(-0.72, -0.5),
        part_side=_pick(rng, (-1, 1)),
        eye_x=uniform(0.27, 0.39),
        eye_y=uniform(-0.12, 0.03),
        eye_width=uniform(0.115, 0.17),
        eye_height=uniform(0.055, 0.1),
        eye_tilt=uniform(-0.2, 0.2),
        iris=_vary(rng, _pick(rng, _IRIS_COLOURS, _IRIS_SHARES[group]), 6),
        lashes=not bearded and rng.random() < 0.55,
        brow_gap=uniform(0.13, 0.24),
        brow_length=uniform(0.15, 0.23),
        brow_thickness=uniform(0.022, 0.075),
        brow_arch=uniform(0.0, 0.085),
        brow_tilt=uniform(-0.22, 0.22),
        nose_length=uniform(0.3, 0.47),
        nose_width=uniform(0.1, 0.21),
        nose_hook=uniform(-0.02, 0.05),
        mouth_y=uniform(0.54, 0.66),
        mouth_width=uniform(0.19, 0.33),
        upper_lip=uniform(0.025, 0.075),
        lower_lip=uniform(0.035, 0.095),
        lip_redness=uniform(0.25, 0.8),
        blush=uniform(0.0, 0.5),
        freckles=rng.random() < 0.2,
        moles=tuple(
            (uniform(-0.5, 0.5), uniform(0.1, 0.85), uniform(0.024, 0.045))
            for _ in range(_pick(rng, (0, 1, 2, 3), (5, 4, 2, 1)))
        ),
        scar=(uniform(-0.5, 0.5), uniform(-0.45, 0.6), uniform(-1.2, 1.2))
        if rng.random() < 0.12
        else None,
        beard=_pick(rng, BEARDS[1:], (3, 2, 3, 4)) if bearded else "none",
        glasses=_pick(rng, GLASSES[1:]) if rng.random() < 0.35 else "none",
        frame_colour=_pick(rng, _FRAME_COLOURS),
        lens_size=uniform(0.17, 0.25),
    )


def sample_shot(seed: int, identity: int, index: int, person: Identity) -> Shot:
    """Draws how picture ``index`` of ``person`` is taken."""
    rng = _generator(seed, _SHOT_STREAM, identity, index)
    uniform, normal = rng.uniform, rng.normal
    turned = rng.random() < 0.4
    yaw = uniform(15, 25) * _pick(rng, (-1, 1)) if turned else uniform(-11, 11)
    light = _pick(rng, LIGHTS, (0.45, 0.25, 0.3))
    side = uniform(0.75, 1.0) * _pick(rng, (-1, 1)) if light == "side" else uniform(-0.4, 0.4)
    direction = np.array((side, uniform(-0.7, 0.1), 0.45 if light == "side" else 0.9))
    direction /= np.linalg.norm(direction)
    warmth, tint = normal(0, 0.065), normal(0, 0.03)
    worn = person.glasses != "none" and rng.random() < 0.85
    occluder = _pick(rng, OCCLUDERS, (87, 3, 3, 4, 3))
    backdrop = uniform(25, 235)
    return Shot(
        yaw=float(np.radians(yaw)),
        pitch=float(np.radians(uniform(-9, 9))),
        roll=float(np.radians(np.clip(normal(0, 6), -14, 14))),
        half_height=uniform(0.3, 0.385),
        centre=(0.5 + uniform(-0.05, 0.05), 0.53 + uniform(-0.04, 0.04)),
        smile=uniform(-0.35, 1.0),
        mouth_open=uniform(0.3, 1.0) if rng.random() < 0.3 else 0.0,
        brow_raise=uniform(-0.02, 0.05),
        eye_open=0.12 if rng.random() < 0.04 else uniform(0.75, 1.15),
        gaze=(uniform(-0.5, 0.5), uniform(-0.25, 0.25)),
        hair_mess=uniform(-0.03, 0.05),
        wears_glasses=worn and occluder != "sunglasses",
        occluder=occluder,
        occluder_colour=_vary(rng, (135, 135, 135), 45),
        light=light,
        light_direction=(float(direction[0]), float(direction[1]), float(direction[2])),
        ambient={"bright": 0.7, "dim": 0.6, "side": 0.24}[light],
        exposure=uniform(0.52, 0.7) if light == "dim" else uniform(0.9, 1.2),
        contrast=uniform(0.8, 1.15),
        temperature=(1 + warmth, 1 + tint, 1 - warmth),
        background=(
            _vary(rng, (backdrop, backdrop, backdrop), 24),
            _vary(rng, (backdrop, backdrop, backdrop), 32),
        ),
        shirt=_vary(rng, (125, 125, 125), 48),
        collar=int(rng.integers(3)),
        blur=uniform(0.0, 0.009) if rng.random() < 0.6 else 0.0,
        noise=uniform(0.5, 5.0),
        jpeg_quality=int(rng.integers(40, 96)),
    )
