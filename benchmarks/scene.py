"""What the benchmark scripts share: a synthetic scene of any length, a timed model, figures, and the machine's description."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import typer

from lockon.errors import LockonError
from lockon.types import FloatArray, Frame, Prediction, Template
from lockon.video_write import VideoWriter


class Scene:
    """Textured patches that wander over a textured background; frame t is a pure function of t.

    Args:
        targets: Number of patches.
        width: Of the frames, in pixels.
        height: Of the frames, in pixels.
        seed: Of the textures and paths.
    """

    def __init__(self, targets: int = 1, width: int = 1280, height: int = 720, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.background = _texture(rng, width, height, cells=24)
        self.sizes = rng.integers(60, 140, (targets, 2))  # width, height
        self.patches = [_texture(rng, int(w), int(h), cells=5) for w, h in self.sizes]
        self.speeds = rng.uniform(0.008, 0.025, (targets, 2))  # radians per frame
        self.phases = rng.uniform(0, 2 * np.pi, (targets, 2))
        self.room = np.array([width, height]) - self.sizes

    def boxes(self, t: int) -> FloatArray:
        """Return the boxes (targets, 4) x, y, w, h in pixels at frame t."""
        corners = np.floor((np.sin(self.phases + self.speeds * t) + 1) / 2 * self.room)
        return np.concatenate([corners, self.sizes], axis=1)

    def frame(self, t: int) -> Frame:
        """Return frame t, (height, width, 3) uint8 RGB."""
        image = self.background.copy()
        for patch, (x, y, w, h) in zip(self.patches, self.boxes(t).astype(int), strict=True):
            image[y : y + h, x : x + w] = patch
        return image

    def frames(self, count: int) -> Iterator[Frame]:
        """Return the first `count` frames, made one by one."""
        return (self.frame(t) for t in range(count))

    def write(self, path: Path, count: int) -> Path:
        """Write the first `count` frames to a video file; return its path."""
        writer = VideoWriter(path, fps=30)
        for frame in self.frames(count):
            writer.write(frame)
        writer.close()
        return path


class TimedModel:
    """A model that notes when its last forward pass began and ended (`time.perf_counter` seconds)."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.template_size: int = model.template_size
        self.search_size: int = model.search_size
        self.began = self.ended = 0.0

    def encode(self, images: Any) -> Template:
        """Do as the model does."""
        template: Template = self.model.encode(images)
        return template

    def __call__(self, template: Template, images: Any) -> Prediction:
        """Do as the model does."""
        self.began = time.perf_counter()
        prediction: Prediction = self.model(template, images)
        self.ended = time.perf_counter()
        return prediction


def spread(seconds: Any) -> str:
    """Return median and 10th to 90th percentile of durations, in milliseconds."""
    low, middle, high = np.percentile(np.asarray(seconds) * 1e3, [10, 50, 90])
    return f"{middle:.2f} ({low:.2f}-{high:.2f})"


def machine() -> str:
    """Say processor, cores, how busy it is, and the versions that matter."""
    import onnxruntime

    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        cpu = next((line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")), cpu)
    load = f"load average {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "load unknown"
    return (
        f"{cpu}, {cv2.getNumberOfCPUs()} cores, {load} at the end, {platform.system()}; Python {platform.python_version()}, "
        f"ONNX Runtime {onnxruntime.__version__}, OpenCV {cv2.__version__}, NumPy {np.__version__}"
    )


def table(header: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table."""
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [header, ["---"] * len(header), *rows])


def report(path: Path, text: str) -> None:
    """Show the Markdown and keep it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n", encoding="utf-8", errors="backslashreplace")
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # names of damaged files
    print(f"{text}\n\nwritten to {path}")


def run(command: Callable[..., None]) -> None:
    """Run the script's command line; a mistake is one line and exit status 2, as in `lockon`."""
    try:
        typer.run(command)
    except LockonError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


def _texture(rng: np.random.Generator, width: int, height: int, cells: int) -> Frame:
    coarse = rng.uniform(0, 255, (cells, cells, 3)).astype(np.float32)
    blobs = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    noisy: Frame = np.clip(blobs + rng.normal(0, 8, (height, width, 3)), 0, 255).astype(np.uint8)
    return noisy
