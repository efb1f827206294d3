"""A tracker of your own in ten lines, measured against another.

python examples/own_tracker.py [folder:DIR | OTB100:DIR ...]
"""

import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np

import lockon
from lockon.bench.report import evaluate
from lockon.bench.run import TrackerSpec, run_benchmark
from lockon.bench.store import Store
from lockon.bench.tables import to_markdown
from lockon.data.datasets.registry import load_dataset
from moving_patch import write_videos


class TemplateMatching:
    """Where the first patch correlates best with the whole frame."""

    def init(self, frame, box):
        """Keep the patch."""
        x, y, w, h = (round(float(number)) for number in box)
        self.template = frame[y : y + h, x : x + w]

    def track(self, frame):
        """Look everywhere."""
        _, score, _, corner = cv2.minMaxLoc(cv2.matchTemplate(frame, self.template, cv2.TM_CCOEFF_NORMED))
        height, width = self.template.shape[:2]
        return lockon.Result(np.array([*corner, width, height], dtype=float), max(score, 0.0), "tracked")


def make(spec):
    """Return the tracker of a name; worker processes call this."""
    return TemplateMatching() if spec.name == "mine" else lockon.load(spec.name)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        data = sys.argv[1] if len(sys.argv) > 1 else f"folder:{write_videos(Path(folder, 'videos'))}"
        specs = [TrackerSpec(name, name) for name in ("mine", "kcf")]
        run_benchmark(specs, load_dataset(data), Path(folder, "results"), make)
        print(to_markdown(evaluate(Store(Path(folder, "results")))))
