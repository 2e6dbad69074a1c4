#!/usr/bin/env python3
"""Writes data/testdata/golden.json: what SciPy and NumPy make of pictures, for the tests of package data.

    python3 scripts/golden_data.py        # needs numpy and scipy
"""
import json
import math
import pathlib

import numpy as np
from scipy.ndimage import affine_transform

rng = np.random.default_rng(3)


def affine(picture, degrees, rows, cols):
    """Keras' ImageDataGenerator: Offset(c) Rot(angle) Shift(rows, cols) Offset(-c), bilinear, the nearest edge outside."""
    a = math.radians(degrees)
    turn = np.array([[math.cos(a), -math.sin(a)], [math.sin(a), math.cos(a)]])
    centre = (np.array(picture.shape[:2]) - 1) / 2
    offset = centre + turn @ (np.array([rows, cols]) - centre)
    planes = [affine_transform(picture[..., k], turn, offset, order=1, mode="nearest") for k in range(picture.shape[2])]
    return np.stack(planes, axis=-1)


def affine_cases():
    for h, w, c, degrees, rows, cols in [
        (4, 4, 1, 0, 0, 0),
        (5, 7, 2, 0, 1, -2),
        (5, 7, 3, 0, 0.25, -1.75),
        (6, 6, 1, 90, 0, 0),
        (8, 8, 3, 10, 1.25, -0.5),
        (7, 5, 2, -33, -2.5, 1.5),
        (3, 9, 1, 5, 40, -40),
        (1, 6, 1, 0, 0.5, 0.5),
    ]:
        picture = rng.normal(size=(h, w, c)).astype(np.float32).astype(np.float64)
        yield {
            "h": h, "w": w, "c": c, "degrees": degrees, "rows": rows, "cols": cols,
            "src": picture.ravel().tolist(),
            "want": affine(picture, degrees, rows, cols).ravel().tolist(),
        }


def normalize_cases():
    n, h, w, c = 6, 2, 3, 2
    train = rng.integers(0, 256, (n, h, w, c), dtype=np.uint8)
    train[:, 0, 0, 0] = 77  # constant: its deviation counts as 1
    axes = {"scalar": None, "channel": (0, 1, 2), "pixel": (0,)}
    x = train / 255
    for mean in ["none", *axes]:
        for std in ["none", *axes]:
            m = 0 if mean == "none" else x.mean(axes[mean], keepdims=True)
            s = 1 if std == "none" else x.std(axes[std], keepdims=True)
            y = (x - m) / np.where(np.asarray(s) < 1 / 255, 1, s)
            yield {
                "mean": mean, "std": std, "n": n, "h": h, "w": w, "c": c,
                "pixels": train.ravel().tolist(), "want": y.ravel().tolist(),
            }


out = pathlib.Path(__file__).parent.parent / "data" / "testdata" / "golden.json"
out.parent.mkdir(exist_ok=True)
out.write_text(json.dumps({"affine": list(affine_cases()), "normalize": list(normalize_cases())}) + "\n")
