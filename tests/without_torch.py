"""Tracking where torch cannot be imported: a process of its own, on the video of `golden_data`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FOLDER = Path(__file__).parent
BLOCK = 'import sys\nsys.modules.update(dict.fromkeys(("torch", "safetensors", "onnx", "onnxscript")))\n'
TRACK = """
import json
sys.path.insert(0, sys.argv[1])
import golden_data, lockon
name, weights, boxes, count, options = json.loads(sys.argv[2])
frames = golden_data.frames()
tracker = lockon.load(name, weights=weights, device="cpu", **options)
tracker.init(frames[0], boxes)
print(json.dumps([tracker.track(frame).box.tolist() for frame in frames[1 : 1 + count]]))
"""


def tracked(name: str, weights: Path, boxes: NDArray[np.float64], count: int, **options: Any) -> NDArray[np.float64]:
    """Boxes of the frames 1 to `count`, (count, 4) or (count, n, 4), of a tracker that starts on boxes (4,) or (n, 4)."""
    arguments = json.dumps([name, str(weights), boxes.tolist(), count, options])
    return np.array(json.loads(run(TRACK, str(FOLDER), arguments)))


def run(code: str, *arguments: str) -> str:
    """Standard output of code with `sys.argv` from 1 on."""
    done = subprocess.run([sys.executable, "-c", BLOCK + code, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
