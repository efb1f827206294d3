"""TNL2K (X. Wang et al., CVPR 2021): LaSOT's layout with a folder NAME/imgs, whose images have many kinds of names.

Images are taken in natural order, and boxes from 0 as they are.
"""

from __future__ import annotations

from lockon.data.datasets.dataset import Dataset
from lockon.data.datasets.lasot import layout

DATASETS = (
    Dataset(
        "TNL2K",
        layout("all", "tnl2k", "imgs", origin=0),
        "test",
        ("TNL2K_test", "TNL2K_test_subset"),
        inside=("TNL2K_test_subset",),
    ),
)
