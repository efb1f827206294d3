"""What training runs of trackers built on pytracking (TransT, OSTrack, RTrack) share: how the datasets are used.

Every dataset is drawn equally often. Videos need five boxes over 20 frames, as the published readers ask. The published runs took 7,934 of
GOT-10k's training videos; here it is all but those that are known to be bad.
"""

from __future__ import annotations

from lockon.data.samples.pools import DatasetSampling

GOT10K = "GOT10k_train"


def videos(name: str, gap: int, *, min_span: int = 20) -> DatasetSampling:
    """Return how a dataset of videos is used, its pairs at most `gap` frames apart."""
    return DatasetSampling(name, gap=gap, min_boxes=5, min_span=min_span)


def images(name: str) -> DatasetSampling:
    """Return how a dataset of single images is used: the same image gives both crops."""
    return DatasetSampling(name, gap=1)


def custom(gap: int) -> tuple[DatasetSampling, ...]:
    """Return how data of the user is used."""
    return (images("stills"), videos("videos", gap, min_span=2))


def four_sets(gap: int) -> tuple[DatasetSampling, ...]:
    """Return how LaSOT, GOT-10k, COCO and TrackingNet are used together, which is what all of these trackers learn from."""
    return (videos("LaSOT_train", gap), videos(GOT10K, gap), images("COCO"), videos("TrackingNet_train", gap))


__all__ = ["GOT10K", "custom", "four_sets", "images", "videos"]
