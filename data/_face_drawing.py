"""The parts of a synthetic face in the order they are drawn: body, head, nose, eyes, mouth."""

import numpy as np

from data._easel import Easel, Points, curve, oval
from data._face_params import Colour, Identity, Shot, mix

_DARK: Colour = (24, 14, 16)
_WHITE: Colour = (255, 255, 255)


def head_outline(person: Identity, grow: float = 0.0) -> Points:
    """The outline of the head without ears and hair, 96 points clockwise from the right."""
    theta = np.linspace(0, 2 * np.pi, 96, endpoint=False)
    cos, sin = np.cos(theta), np.sin(theta)
    power = 2 / person.squareness
    y = np.sign(sin) * np.abs(sin) ** power
    x = np.sign(cos) * np.abs(cos) ** power * person.head_width
    x *= 1 - person.jaw_taper * np.clip(y, 0, 1) ** 1.2
    y = np.where(y > 0, y * person.chin, y * 0.98)
    return np.stack([x * (1 + grow), y * (1 + grow)], axis=1)


def draw_body(easel: Easel, person: Identity, shot: Shot) -> None:
    """Neck, shoulders and shirt."""
    shadow = mix(person.skin, (60, 24, 24), 0.3)
    neck = person.head_width * 0.62
    shoulders = curve(
        [(-neck, 1.12), (-0.95, 1.3), (-1.45, 1.6), (-1.6, 2.6), (1.6, 2.6), (1.45, 1.6),
         (0.95, 1.3), (neck, 1.12)]
    )  # fmt: skip
    easel.fill(shoulders, shot.shirt, lift=-0.3)
    easel.fill(
        np.array([(-neck, 0.2), (neck, 0.2), (neck, 1.2), (0.0, 1.2 + 0.25 * (shot.collar > 0)),
                  (-neck, 1.2)]),
        shadow, lift=-0.2,
    )  # fmt: skip
    edge = mix(shot.shirt, _WHITE if shot.collar == 2 else _DARK, 0.45)
    if shot.collar == 0:
        easel.stroke(curve([(-neck, 1.14), (0, 1.3), (neck, 1.14)]), edge, 0.07, lift=-0.2)
    else:
        for sign in (-1, 1):
            lapel = [(sign * neck, 1.08), (0, 1.48), (sign * 0.3, 1.72), (sign * 0.72, 1.26)]
            easel.fill(np.array(lapel), edge, lift=-0.2)


def draw_head(easel: Easel, person: Identity, rng: np.random.Generator) -> None:
    """Ears, skin, soft shadows and marks; ``rng`` must be the person's: freckles stay in place."""
    skin, shadow = person.skin, mix(person.skin, (70, 20, 24), 0.42)
    for sign in (-1, 1):
        ear_x = sign * (person.head_width + 0.01)
        ear = oval(ear_x, 0.06, person.ear_size * 0.55, person.ear_size, sign * 0.2)
        easel.fill(ear, mix(skin, shadow, 0.25), lift=-0.05)
        inner = oval(ear_x, 0.06, person.ear_size * 0.28, person.ear_size * 0.62, sign * 0.2)
        easel.fill(inner, mix(skin, shadow, 0.7), lift=-0.05)
    outline = easel.project(head_outline(person), 0.0)
    easel.fill_pixels(outline, skin)
    # On a copy, of which only the head is kept: what lies on the far side must not stick out.
    surface = easel.copy()
    _draw_soft_shadows(surface, person)
    _draw_marks(surface, person, rng)
    easel.reveal(surface.image, easel.mask_pixels(outline))


def _draw_soft_shadows(easel: Easel, person: Identity) -> None:
    shadow = mix(person.skin, (70, 20, 24), 0.42)
    eyes = [oval(sign * person.eye_x, person.eye_y - 0.03, 0.2, 0.13) for sign in (-1, 1)]
    under_lip = oval(0, person.mouth_y + person.lower_lip + 0.1, 0.16, 0.035)
    easel.tint(easel.mask(*eyes, under_lip, softness=0.08), shadow, 0.42)
    cheeks = [oval(sign * person.head_width * 0.58, 0.3, 0.17, 0.13) for sign in (-1, 1)]
    red = mix(person.skin, (214, 70, 70), 0.55)
    easel.tint(easel.mask(*cheeks, softness=0.09), red, 0.25 + person.blush)
    highlights = [oval(0, -0.52, 0.3, 0.12), oval(0, person.chin - 0.17, 0.09, 0.06)]
    light = mix(person.skin, (255, 244, 226), 0.5)
    easel.tint(easel.mask(*highlights, softness=0.1), light, 0.45)


def _draw_marks(easel: Easel, person: Identity, rng: np.random.Generator) -> None:
    brown = mix(person.skin, (86, 40, 24), 0.72)
    if person.freckles:
        for _ in range(26):
            x = float(rng.normal(0, 0.3))
            y = float(rng.normal(0.22, 0.09))
            easel.fill(oval(x, y, 0.016, 0.016), brown, 0.5)
    for x, y, radius in person.moles:
        easel.fill(oval(x * person.head_width / 0.75, y, radius, radius), mix(brown, _DARK, 0.45))
    if person.scar is not None:
        x, y, angle = person.scar
        reach = np.array([np.cos(angle), np.sin(angle)]) * 0.14
        line = np.array([-1, 0, 1])[:, None] * reach + np.array((x, y))
        easel.stroke(line, mix(person.skin, (206, 96, 96), 0.6), 0.035)
        easel.stroke(line + np.array((0.0, 0.015)), mix(person.skin, _WHITE, 0.5), 0.014)


def draw_eyes(easel: Easel, person: Identity, shot: Shot) -> None:
    """Eyeballs behind lids, lid lines, lashes and brows."""
    shut = max(0.08, shot.eye_open)
    top, bottom = person.eye_height * shut, person.eye_height * 0.72 * shut
    lid = mix(person.skin, (52, 20, 22), 0.62)
    # The eyeballs are drawn whole on a copy; the almonds between the lids let them through.
    almonds, ball_easel = [], easel.copy()
    for sign in (-1, 1):
        x, y, half = sign * person.eye_x, person.eye_y, person.eye_width
        slope = -person.eye_tilt * sign * half
        upper = curve([(x - half, y - slope), (x, y - top), (x + half, y + slope)])
        lower = curve([(x + half, y + slope), (x, y + bottom), (x - half, y - slope)])
        almond = np.vstack([upper, lower])
        almonds.append(almond)
        ball_easel.fill(almond, (240, 236, 232))
        iris_x = x + shot.gaze[0] * (half - 0.07)
        iris_y = y - 0.01 + shot.gaze[1] * 0.04
        radius = 0.072
        ball_easel.fill(oval(iris_x, iris_y, radius, radius), mix(person.iris, _DARK, 0.45))
        ball_easel.fill(oval(iris_x, iris_y, radius * 0.82, radius * 0.82), person.iris)
        ball_easel.fill(oval(iris_x, iris_y, radius * 0.42, radius * 0.42), (12, 10, 12))
        ball_easel.fill(oval(iris_x - 0.025, iris_y - 0.028, 0.018, 0.018), _WHITE)
    easel.reveal(ball_easel.image, easel.mask(*almonds))
    for sign, almond in zip((-1, 1), almonds, strict=True):
        upper = almond[: len(almond) // 2]
        easel.stroke(upper, mix(lid, _DARK, 0.6), 0.042 if person.lashes else 0.028)
        easel.stroke(almond[len(almond) // 2 :], lid, 0.012, 0.7)
        easel.stroke(upper - np.array((0, 0.045)), lid, 0.014, 0.55)
        if person.lashes:
            tip = upper[-1] if sign > 0 else upper[0]
            wing = np.vstack([tip, tip + np.array((sign * 0.05, -0.045))])
            easel.stroke(wing, mix(lid, _DARK, 0.6), 0.03)
        _draw_brow(easel, person, shot, sign)


def _draw_brow(easel: Easel, person: Identity, shot: Shot, sign: int) -> None:
    x = sign * (person.eye_x + 0.01)
    y = person.eye_y - person.eye_height - person.brow_gap * 0.8 - shot.brow_raise
    half = person.brow_length
    # The inner end is lower for a positive tilt.
    drop = person.brow_tilt * half
    centre = curve(
        [(x - sign * half, y + drop), (x + sign * half * 0.2, y - person.brow_arch),
         (x + sign * half, y - drop + 0.02)]
    )  # fmt: skip
    taper = np.interp(np.linspace(0, 1, len(centre)), (0, 0.15, 0.6, 1), (0.75, 1, 0.85, 0.15))
    offset = np.stack([np.zeros(len(centre)), taper * person.brow_thickness], axis=1)
    colour = mix(mix(person.hair_colour, _DARK, 0.3), person.skin, 0.12)
    easel.fill(np.vstack([centre - offset, (centre + offset)[::-1]]), colour, 0.92)


def draw_nose(easel: Easel, person: Identity, shot: Shot) -> None:
    """The shaded side of the bridge, the tip with its wings, the nostrils."""
    shadow = mix(person.skin, (70, 20, 24), 0.48)
    base = person.eye_y + person.nose_length
    wide = person.nose_width
    side = -1 if shot.light_direction[0] >= 0 else 1
    bridge = curve(
        [(side * 0.075, person.eye_y - 0.06), (side * 0.06, base - 0.2), (side * wide, base)]
    )
    inner = [(side * 0.02, base - 0.06), (side * 0.02, person.eye_y)]
    tip_shadow = oval(0, base + 0.02, wide * 0.95, 0.05)
    easel.tint(
        easel.mask(np.vstack([bridge, inner]), tip_shadow, softness=0.025),
        shadow, 0.62,
    )  # fmt: skip
    tip = oval(0, base - 0.045, wide * 0.55, 0.075)
    easel.tint(easel.mask(tip, softness=0.03), mix(person.skin, (255, 236, 220), 0.3), 0.8)
    for sign in (-1, 1):
        wing = curve(
            [(sign * wide * 0.8, base - 0.09), (sign * wide * 1.05, base - 0.02),
             (sign * wide * 0.75, base + 0.03), (sign * wide * 0.3, base + 0.015)]
        )  # fmt: skip
        easel.stroke(wing, mix(shadow, _DARK, 0.15), 0.022, 0.75)
        nostril = oval(sign * wide * 0.48, base + 0.012 + person.nose_hook * 0.3, wide * 0.22, 0.02)
        easel.fill(nostril, mix(shadow, _DARK, 0.62), 0.85)


def draw_mouth(easel: Easel, person: Identity, shot: Shot) -> None:
    """Lips, and teeth when the mouth is open."""
    wide = person.mouth_width * (1 + 0.14 * shot.smile)
    y, lift = person.mouth_y, -0.07 * shot.smile
    gap = 0.1 * shot.mouth_open
    lips = mix(person.skin, (176, 44, 62), 0.3 + 0.45 * person.lip_redness)
    line = mix(lips, _DARK, 0.55)
    left, right = (-wide, y + lift), (wide, y + lift)
    peak = y - person.upper_lip
    upper_edge = curve([left, (-wide * 0.28, peak), (0, peak + 0.018), (wide * 0.28, peak), right])
    upper_line = curve([right, (0, y - gap * 0.15), left])
    lower_line = curve([left, (0, y + gap), right])
    lower_edge = curve([right, (0, y + gap + person.lower_lip), left])
    if gap:
        easel.fill(np.vstack([upper_line, lower_line]), (84, 22, 28))
        teeth = curve([left, (0, y + gap * 0.55), right])
        easel.fill(np.vstack([upper_line[4:-4], teeth[4:-4]]), (244, 240, 232))
    easel.fill(np.vstack([upper_edge, upper_line]), mix(lips, _DARK, 0.14))
    easel.fill(np.vstack([lower_line, lower_edge]), lips)
    shine = oval(0, y + gap + person.lower_lip * 0.5, wide * 0.35, person.lower_lip * 0.2)
    easel.fill(shine, mix(lips, _WHITE, 0.5), 0.45)
    easel.stroke(upper_line, line, 0.02, 0.85)
    if shot.smile > 0.35:
        for sign in (-1, 1):
            fold = curve(
                [(sign * (wide + 0.05), y - 0.17), (sign * (wide + 0.1), y - 0.06),
                 (sign * (wide + 0.07), y + 0.03)]
            )  # fmt: skip
            easel.stroke(fold, mix(person.skin, (70, 20, 24), 0.45), 0.018, 0.6)
