"""Weights, pictures and a video made from names alone, so that the fixtures hold only what the official trackers made of them.

NumPy only. Every value comes from integer hashing and basic IEEE arithmetic (+, -, *, /, sqrt, floor), so it is the same
bits on every machine and in every NumPy version; no random generator of any library is used.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_M1 = np.uint64(0xBF58476D1CE4E5B9)
_M2 = np.uint64(0x94D049BB133111EB)
_GOLDEN = 0x9E3779B97F4A7C15
_MASK = (1 << 64) - 1
# mean and standard deviation of the sum of four uniform 16-bit integers
_SUM_MEAN = 4 * 65535 / 2.0
_SUM_STD = (4 * (65536.0**2 - 1.0) / 12.0) ** 0.5


def hash_words(key: str, count: int, start: int = 0) -> NDArray[np.uint64]:
    """`count` 64-bit words: the splitmix64 stream of the text `key`, from `start`."""
    seed = zlib.crc32(key.encode("utf-8")) * _GOLDEN & _MASK
    with np.errstate(over="ignore"):
        z = np.arange(start + 1, start + count + 1, dtype=np.uint64)
        z *= np.uint64(_GOLDEN)
        z += np.uint64(seed)
        z ^= z >> np.uint64(30)
        z *= _M1
        z ^= z >> np.uint64(27)
        z *= _M2
        z ^= z >> np.uint64(31)
        return z


def _integer_sums(key: str, count: int, chunk: int = 1 << 18) -> NDArray[np.int64]:
    """`count` integers in [0, 262140]: sums of the four 16-bit parts of each word."""
    out = np.empty(count, dtype=np.int64)
    part = np.uint64(0xFFFF)
    for first in range(0, count, chunk):
        z = hash_words(key, min(chunk, count - first), first)
        s = z & part
        s += z >> np.uint64(16) & part
        s += z >> np.uint64(32) & part
        s += z >> np.uint64(48)
        out[first : first + len(s)] = s.astype(np.int64)
    return out


def normal(key: str, shape: Sequence[int]) -> NDArray[np.float64]:
    """Near-normal values with zero mean and unit variance (|x| <= 3.47)."""
    return ((_integer_sums(key, int(np.prod(shape, dtype=np.int64))) - _SUM_MEAN) / _SUM_STD).reshape(shape)


def uniform(key: str, shape: Sequence[int]) -> NDArray[np.float64]:
    """Uniform values in [0, 1) with 53 random bits."""
    words = hash_words(key, int(np.prod(shape, dtype=np.int64)))
    return ((words >> np.uint64(11)).astype(np.float64) / 2.0**53).reshape(shape)


def _fill(name: str, shape: Sequence[int], salt: str) -> NDArray[np.float64]:
    last, key = name.rsplit(".", 1)[-1], f"{salt}|{name}"
    if last == "num_batches_tracked":
        return np.zeros(shape)
    if last == "running_var":
        return 1.0 + 0.1 * np.abs(normal(key, shape))
    if last.endswith("weight") and len(shape) == 2:  # linear layers
        return normal(key, shape) * np.sqrt(1.0 / shape[1])
    if last.endswith("weight") and len(shape) > 2:
        # each filter is made zero-mean, so that the positive mean of ReLU features does not swamp what varies in space
        fan_in = int(np.prod(shape[1:], dtype=np.int64))
        sums = _integer_sums(key, shape[0] * fan_in).reshape(shape[0], fan_in)
        mean = sums.sum(axis=1, keepdims=True) / float(fan_in) if fan_in > 8 else _SUM_MEAN
        return ((sums - mean) / _SUM_STD * np.sqrt(2.0 / fan_in)).reshape(shape)
    if last.endswith(("weight", "scale")):  # of normalizations and levels
        return 1.0 + 0.1 * normal(key, shape)
    return 0.1 * normal(key, shape)  # biases and running means


def fill(name: str, shape: Sequence[int], salt: str = "", gain: float = 1.0, offset: Any = 0.0) -> NDArray[Any]:
    """The float32 array (int64 for counters) of one entry of a state dict: `offset` + `gain` * the values of its name and shape."""
    value = np.asarray(offset, dtype=np.float64) + gain * _fill(name, tuple(shape), salt)
    return np.asarray(value, dtype=np.int64 if name.endswith("num_batches_tracked") else np.float32)


def state_dict(manifest: dict[str, Any]) -> dict[str, NDArray[Any]]:
    """Name to array for a manifest: ``{"salt": str, "entries": [{"name", "shape", "gain"?, "offset"?}, ...]}``."""
    return {e["name"]: fill(e["name"], e["shape"], manifest["salt"], e.get("gain", 1.0), e.get("offset", 0.0)) for e in manifest["entries"]}


def _sample(image: NDArray[Any], xs: NDArray[np.float64], ys: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bilinear samples of (H, W, C) at pixel-centre coordinates, clamped at the border."""
    h, w = image.shape[:2]
    xs, ys = np.clip(xs, 0.0, w - 1.0), np.clip(ys, 0.0, h - 1.0)
    x0 = np.minimum(np.floor(xs).astype(np.int64), w - 2)
    y0 = np.minimum(np.floor(ys).astype(np.int64), h - 2)
    fx, fy = (xs - x0)[..., None], (ys - y0)[..., None]
    im = image.astype(np.float64)
    top = im[y0, x0] * (1.0 - fx) + im[y0, x0 + 1] * fx
    low = im[y0 + 1, x0] * (1.0 - fx) + im[y0 + 1, x0 + 1] * fx
    return top * (1.0 - fy) + low * fy


def _to_bytes(x: NDArray[np.float64]) -> NDArray[np.uint8]:
    return np.clip(np.floor(x + 0.5), 0, 255).astype(np.uint8)


def smooth_image(key: str, height: int, width: int, channels: int = 3, cell: int = 16) -> NDArray[np.uint8]:
    """A smooth picture: hashed values on a coarse grid, bilinear in between, two octaves."""
    out = np.zeros((height, width, channels))
    ys, xs = np.mgrid[0:height, 0:width].astype(np.float64)
    for octave, (size, weight) in enumerate(((cell, 0.7), (cell // 4, 0.3))):
        grid = uniform(f"{key}|{octave}", (height // size + 3, width // size + 3, channels))
        out += weight * _sample(grid, xs / size, ys / size)
    return _to_bytes(255.0 * out)


class Scene:
    """A video: `patch` moves over `background`, which pans and zooms.

    Attributes:
        VIEW: key frames of the background window: centre and width as fractions of the picture.
        TARGET: key frames of the patch: cx, cy, w, h in frame pixels. Key frames are spread evenly and joined by straight lines.
    """

    VIEW = ((0.46, 0.46, 0.80), (0.50, 0.44, 0.76), (0.53, 0.47, 0.82), (0.50, 0.50, 0.84))
    TARGET = ((170.0, 150.0, 72.0, 60.0), (205.0, 168.0, 76.0, 66.0), (246.0, 160.0, 84.0, 62.0), (300.0, 190.0, 78.0, 70.0))

    def __init__(
        self, background: NDArray[np.uint8], patch: NDArray[np.uint8], frames: int = 21, size: tuple[int, int] = (480, 360)
    ) -> None:
        self.background, self.patch, self.frames, self.size = background, patch, frames, size

    def _at(self, keys: Sequence[Sequence[float]], i: int) -> NDArray[np.float64]:
        values = np.asarray(keys, dtype=np.float64)
        t = i * (len(values) - 1) / float(self.frames - 1)
        k = min(int(t), len(values) - 2)
        return values[k] + (values[k + 1] - values[k]) * (t - k)

    def box(self, i: int) -> NDArray[np.float64]:
        """(4,) x, y, w, h of the patch in frame `i`."""
        cx, cy, w, h = self._at(self.TARGET, i)
        return np.array([cx - w / 2.0, cy - h / 2.0, w, h])

    def frame(self, i: int) -> NDArray[np.uint8]:
        """(H, W, 3) RGB."""
        width, height = self.size
        bh, bw = self.background.shape[:2]
        vx, vy, vw = self._at(self.VIEW, i)
        step = vw * bw / width
        ys, xs = np.mgrid[0:height, 0:width].astype(np.float64)
        view = (vx * bw + (xs + 0.5 - width / 2.0) * step - 0.5, vy * bh + (ys + 0.5 - height / 2.0) * step - 0.5)
        out = _sample(self.background, *view)
        x, y, w, h = self.box(i)
        ph, pw = self.patch.shape[:2]
        px, py = (xs + 0.5 - x) / w, (ys + 0.5 - y) / h
        # a soft outline: 1 inside, falling to 0 over the outermost tenth
        edge = 1.0 - np.maximum(np.abs(2.0 * px - 1.0), np.abs(2.0 * py - 1.0))
        alpha = np.clip(edge * 10.0 + 0.5, 0.0, 1.0)[..., None]
        inside = _sample(self.patch, px * pw - 0.5, py * ph - 0.5)
        return _to_bytes(out * (1.0 - alpha) + inside * alpha)
