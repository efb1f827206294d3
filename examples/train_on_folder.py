"""Train lockon-s on a folder of your own videos.

    python examples/train_on_folder.py DIR

The folder holds clip.mp4 with clip.txt beside it (one x,y,w,h line per frame), and so on; docs/guides/data.md has other layouts.
Without a folder a few synthetic clips are made and a few steps are run, to see that it works. The command line does the
same: lockon train lockon-s --videos DIR --out runs/mine
"""

import sys
import tempfile
from pathlib import Path

from lockon.train.engine import Engine
from lockon.train.recipe import TrainSources
from lockon.zoo.training import recipe
from moving_patch import write_videos

TRIAL = {"train.steps": 3, "train.batch_size": 2, "train.machine.workers": 0, "train.machine.precision": "fp32"}

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        given = len(sys.argv) > 1
        videos = Path(sys.argv[1]) if given else write_videos(Path(scratch, "videos"))
        run = Path("runs/mine") if given else Path(scratch, "run")
        sources = TrainSources(videos=videos, val=(videos,))  # better: validate on videos that are not trained on
        outcome = Engine(recipe(sources, {} if given else TRIAL, "lockon-s"), run, resume=given).fit()
        print(outcome.status, "step", outcome.state.step, "best AO", round(outcome.state.best_value, 3))
        print(*sorted(path.name for path in run.iterdir()))
