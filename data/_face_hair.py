"""Hair, beard, glasses, and what hides a part of a synthetic face."""

import numpy as np

from data._easel import Easel, Points, curve, oval
from data._face_drawing import head_outline
from data._face_params import Colour, Identity, Shot, mix

_DARK: Colour = (18, 14, 16)
_WHITE: Colour = (255, 255, 255)
_LONG = {"bob": 0.72, "long": 1.3}  # style: how far down the hair reaches
_CURLY = ("curly", "afro")


def _crown(person: Identity, volume: float, drop: float) -> Points:
    """The outside of the hair from the left ear over the top to the right ear."""
    theta = np.linspace(np.pi + drop, -drop, 40)
    x = (person.head_width + 0.02 + 0.55 * volume) * np.cos(theta)
    y = -(1.0 + volume) * np.sin(theta)
    return np.stack([x, y - 0.03], axis=1)


def _bumps(easel: Easel, path: Points, radius: float, colour: Colour, lift: float) -> None:
    for x, y in path[::3]:
        easel.fill(oval(x, y, radius, radius), colour, lift=lift)


def draw_hair_behind(easel: Easel, person: Identity, shot: Shot) -> None:
    """What is seen beside and above the head, drawn before it."""
    style, wide = person.hair_style, person.head_width
    colour = mix(person.hair_colour, _DARK, 0.28)
    volume = person.hair_volume + shot.hair_mess
    if style in _LONG:
        end, out = _LONG[style], wide + 0.1 + 0.8 * volume
        right = [(out, 0.1), (out + 0.05, end * 0.6), (out - 0.1, end)]
        left = [(-x, y) for x, y in reversed(right)]
        fall = curve([*right, (0.0, end - 0.06), *left])
        easel.fill(np.vstack([_crown(person, volume, 0.0), fall]), colour, lift=-0.2)
    elif style == "bun":
        knot = 0.24 + 0.6 * person.hair_volume
        easel.fill(oval(0.0, -1.08 - knot * 0.6, knot, knot * 0.85), colour, lift=-0.3)
        easel.fill(
            oval(-0.06, -1.12 - knot * 0.6, knot * 0.5, knot * 0.4),
            mix(person.hair_colour, _WHITE, 0.1), 0.6, lift=-0.3,
        )  # fmt: skip
    elif style == "afro":
        size = 0.28 + volume
        path = _crown(person, size, 0.35)
        easel.fill(path, colour, lift=-0.15)
        _bumps(easel, path, 0.16, colour, -0.15)


def _hairline(person: Identity) -> list[tuple[float, float]]:
    """The edge of the hair on the face, from the right temple over the forehead to the left."""
    wide, top, side = person.head_width, person.hairline, person.part_side
    temple, corner = (wide * 0.98, -0.05), (wide * 0.9, -0.34)
    inner: dict[str, list[tuple[float, float]]] = {
        "side": [(-side * wide * 0.62, top + 0.24), (-side * wide * 0.1, top + 0.06),
                 (side * wide * 0.42, top - 0.2), (side * wide * 0.72, top + 0.12)],
        "receding": [(wide * 0.62, top - 0.2), (wide * 0.25, top - 0.02),
                     (-wide * 0.25, top - 0.02), (-wide * 0.62, top - 0.2)],
        "fringe": [(wide * 0.66, -0.3), (wide * 0.22, -0.34), (-wide * 0.22, -0.32),
                   (-wide * 0.66, -0.3)],
        "centre": [(wide * 0.66, -0.42), (wide * 0.25, top - 0.06), (0.0, top - 0.22),
                   (-wide * 0.25, top - 0.06), (-wide * 0.66, -0.42)],
    }  # fmt: skip
    inner["bob"] = inner["fringe"] if side > 0 else inner["centre"]
    inner["long"] = inner["centre"] if side > 0 else inner["side"]
    plain = [(wide * 0.55, top + 0.03), (0.0, top), (-wide * 0.55, top + 0.03)]
    line = inner.get(person.hair_style, plain)
    line = sorted(line, reverse=True)
    mirror = [(-x, y) for x, y in (corner, temple)]
    return [temple, corner, *line, *mirror]


def draw_hair_front(easel: Easel, person: Identity, shot: Shot, rng: np.random.Generator) -> None:
    """The hair over the forehead and beside the face; ``rng`` is the person's, for its strands."""
    style, colour = person.hair_style, person.hair_colour
    if style == "bald":
        return
    inner = curve(_hairline(person))
    if style == "buzz":
        shaved = mix(colour, person.skin, 0.25)
        outside = easel.project(_crown(person, 0.02, 0.05), 0.0)
        easel.fill_pixels(np.vstack([outside, easel.project(inner)]), shaved, 0.8)
        return
    volume = person.hair_volume + shot.hair_mess
    if style == "receding":
        volume *= 0.45
    outer = _crown(person, volume, 0.05)
    if style == "spiky":
        outer[6:-6:2] *= 1.0 + 0.3 * person.hair_volume + 0.08
    if style in _CURLY:
        _bumps(easel, outer, 0.1 + 0.25 * person.hair_volume, colour, 0.0)
    outside = easel.project(outer, 0.0)
    easel.fill_pixels(np.vstack([outside, easel.project(inner)]), colour, 1.0)
    if style in _CURLY:
        for x, y in inner[4:-4:4]:
            easel.fill(oval(x, y - 0.03, 0.09, 0.09), colour)
    _draw_strands(easel, person, outer, inner, rng)
    if style in _LONG:
        _draw_locks(easel, person)


def _draw_strands(
    easel: Easel, person: Identity, outer: Points, inner: Points, rng: np.random.Generator
) -> None:
    """Lighter and darker strands from the hairline to the crown, and a sheen."""
    roots = easel.project(inner[::-1][np.linspace(6, len(inner) - 7, 18).astype(int)])
    tips = easel.project(outer[np.linspace(5, len(outer) - 6, 18).astype(int)], 0.0)
    for low, high in zip(roots, tips, strict=True):
        shade = _WHITE if rng.random() < 0.5 else _DARK
        near, far = rng.uniform(0.08, 0.3), rng.uniform(0.55, 0.92)
        ends = np.vstack([low + (high - low) * near, low + (high - low) * far])
        colour = mix(person.hair_colour, shade, 0.3)
        easel.stroke_pixels(ends, colour, rng.uniform(0.012, 0.03), 0.55)


def _draw_locks(easel: Easel, person: Identity) -> None:
    end, wide = _LONG[person.hair_style], person.head_width
    for sign in (-1, 1):
        lock = curve(
            [(sign * (wide + 0.1), -0.45), (sign * (wide + 0.2), 0.2), (sign * (wide + 0.16), end),
             (sign * (wide - 0.02), end - 0.12), (sign * (wide - 0.06), 0.25),
             (sign * (wide - 0.12), -0.25), (sign * (wide - 0.22), -0.5)]
        )  # fmt: skip
        easel.fill(lock, person.hair_colour, lift=0.1)
        strand = curve(
            [
                (sign * (wide + 0.04), -0.3),
                (sign * (wide + 0.08), 0.2),
                (sign * (wide + 0.06), end - 0.2),
            ]
        )
        easel.stroke(strand, mix(person.hair_colour, _WHITE, 0.2), 0.03, 0.6, lift=0.1)


def draw_beard(easel: Easel, person: Identity) -> None:
    """A beard of the person's kind, drawn before the mouth."""
    if person.beard == "none":
        return
    wide, mouth = person.head_width, person.mouth_y
    colour = mix(person.hair_colour, _DARK, 0.1)
    under_nose = person.eye_y + person.nose_length + 0.06
    reach = person.mouth_width + 0.07
    if person.beard in ("full", "stubble"):
        outline = head_outline(person, 0.0 if person.beard == "stubble" else 0.03)
        jaw = outline[outline[:, 1] > 0.12]  # from the right ear under the chin to the left
        cheeks = curve(
            [(-wide * 0.84, 0.2), (-wide * 0.66, 0.44), (-reach, mouth - 0.1), (0.0, under_nose),
             (reach, mouth - 0.1), (wide * 0.66, 0.44), (wide * 0.84, 0.2)]
        )  # fmt: skip
        pixels = np.vstack([easel.project(jaw, 0.0), easel.project(cheeks)])
        mask = easel.mask_pixels(pixels, softness=0.03)
        easel.tint(mask, colour, 0.42 if person.beard == "stubble" else 0.93)
        return
    moustache = curve(
        [(-reach, mouth + 0.03), (-reach * 0.6, mouth - 0.06), (0.0, under_nose),
         (reach * 0.6, mouth - 0.06), (reach, mouth + 0.03), (reach * 0.5, mouth + 0.0),
         (0.0, mouth - 0.03), (-reach * 0.5, mouth + 0.0)]
    )  # fmt: skip
    shapes = [moustache]
    if person.beard == "goatee":
        low = person.chin
        ring = curve(
            [(-reach, mouth), (-reach * 0.9, low * 0.88), (-reach * 0.45, low * 0.99),
             (reach * 0.45, low * 0.99), (reach * 0.9, low * 0.88), (reach, mouth)]
        )  # fmt: skip
        shapes.append(ring)
    easel.tint(easel.mask(*shapes, softness=0.015), colour, 0.92)


def _lens(kind: str, size: float) -> Points:
    if kind == "round":
        return oval(0, 0, size, size * 0.98)
    theta = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    cos, sin = np.cos(theta), np.sin(theta)
    box = np.stack([np.sign(cos) * np.abs(cos) ** 0.4, np.sign(sin) * np.abs(sin) ** 0.4], axis=1)
    if kind == "browline":
        box[:, 0] *= 1 - 0.14 * np.clip(box[:, 1], 0, 1)
    return box * (size * 1.08, size * 0.8)


def draw_glasses(
    easel: Easel, person: Identity, *, kind: str, frame: Colour, lens_alpha: float
) -> None:
    """Glasses of ``kind``; ``lens_alpha`` in [0, 1] is how dark the lenses are."""
    shape = _lens(kind, max(person.lens_size, person.eye_width + 0.035))
    thick = 0.036 if kind == "round" else 0.046
    y = person.eye_y + 0.01
    centre = max(person.eye_x, float(shape[:, 0].max()) + 0.04)
    for sign in (-1, 1):
        lens = shape * (sign, 1) + np.array((sign * centre, y))
        if lens_alpha:
            easel.fill(lens, (22, 20, 26), lens_alpha)
        glare = np.array([(-0.1, 0.05), (-0.03, 0.08), (0.08, -0.1), (0.02, -0.12)])
        easel.fill(glare + np.array((sign * centre, y)), _WHITE, 0.2)
        easel.stroke(np.vstack([lens, lens[:2]]), frame, thick)
        if kind == "browline":
            top = lens[lens[:, 1] < y - 0.25 * person.lens_size]
            order = np.argsort(top[:, 0])
            easel.stroke(top[order], frame, thick * 2.0)
        hinge = (sign * (centre + float(shape[:, 0].max())), y - 0.04)
        arm = np.array([hinge, (sign * person.head_width * 1.02, y - 0.06)])
        ends = np.vstack([easel.project(arm[:1]), easel.project(arm[1:], -0.02)])
        easel.stroke_pixels(ends, frame, thick, 1.0)
    inner = centre - float(shape[:, 0].max())
    easel.stroke(curve([(-inner, y - 0.03), (0, y - 0.07), (inner, y - 0.03)]), frame, thick)


def draw_occluder(easel: Easel, person: Identity, shot: Shot) -> None:
    """Sunglasses, a mask, a cap or a scarf."""
    colour, wide = shot.occluder_colour, person.head_width
    dark, pale = mix(colour, _DARK, 0.35), mix(colour, _WHITE, 0.25)
    if shot.occluder == "sunglasses":
        draw_glasses(easel, person, kind="square", frame=dark, lens_alpha=0.9)
    elif shot.occluder == "mask":
        rim = person.eye_y + person.nose_length * 0.55
        outline = head_outline(person, 0.02)
        jaw = outline[outline[:, 1] > 0.32]
        upper = curve([(-wide * 0.86, 0.34), (-wide * 0.4, rim + 0.06), (0.0, rim),
                       (wide * 0.4, rim + 0.06), (wide * 0.86, 0.34)])  # fmt: skip
        pixels = np.vstack([easel.project(jaw, 0.0), easel.project(upper)])
        easel.fill_pixels(pixels, pale, 1.0)
        for level in (0.5, 0.64, 0.78):
            fold = curve([(-wide * 0.6, level - 0.04), (0.0, level), (wide * 0.6, level - 0.04)])
            easel.stroke(fold, dark, 0.016, 0.45)
        for sign in (-1, 1):
            strap = np.array([(sign * wide * 0.88, 0.36), (sign * wide * 1.03, 0.1)])
            easel.stroke(strap, pale, 0.03, lift=0.0)
    elif shot.occluder == "cap":
        dome = _crown(person, 0.16 + 0.3 * person.hair_volume, -0.42)
        brim = curve([(wide * 0.98, -0.42), (0.0, -0.56), (-wide * 0.98, -0.42)])
        pixels = np.vstack([easel.project(dome, 0.0), easel.project(brim)])
        easel.fill_pixels(pixels, colour, 1.0)
        easel.stroke(curve([(0.0, -1.1), (0.0, -0.8), (0.0, -0.6)]), dark, 0.02, 0.6, lift=0.35)
        visor = np.vstack(
            [curve([(wide * 0.92, -0.46), (0.0, -0.62), (-wide * 0.92, -0.46)]),
             curve([(-wide * 0.86, -0.36), (0.0, -0.36), (wide * 0.86, -0.36)])]
        )  # fmt: skip
        easel.fill(visor, dark, lift=0.6)
    elif shot.occluder == "scarf":
        top = person.mouth_y - 0.02
        wrap = curve(
            [(-wide - 0.1, top - 0.1), (0.0, top + 0.06), (wide + 0.1, top - 0.1),
             (wide + 0.3, 1.1), (0.7, 1.5), (0.0, 1.56), (-0.7, 1.5), (-wide - 0.3, 1.1),
             (-wide - 0.1, top - 0.1)]
        )  # fmt: skip
        easel.fill(wrap, colour, lift=0.3)
        for drop in (0.2, 0.42, 0.62):
            fold = curve([(-wide - 0.12, top + drop - 0.12), (0.1, top + drop + 0.06),
                          (wide + 0.14, top + drop - 0.1)])  # fmt: skip
            easel.stroke(fold, dark if drop != 0.42 else pale, 0.045, 0.6, lift=0.3)
