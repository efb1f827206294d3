"""The study of DuML: what do offline and online localisation, each by classification or regression, do well, and what do they do together?

Zhou et al., Higher Performance Visual Tracking with Dual-Modal Localization (DuML), Tables 1 and 2 (one modality), Table 3 (pairs), Table 4
(score voting) and Fig. 4 (the fusion weight mu).
"""

from __future__ import annotations

from lockon.studies.metrics import VOT
from lockon.studies.spec import BASE, Published, StudySpec, Variant


def _offline(title: str, offline: str) -> Variant:
    # a sequence has two query frames: as many search crops of pairs for an update
    return Variant(title, {"model.offline": offline, "model.online": "none", "train.gradients.accumulate": 2}, samples="pairs")


def _online(title: str, offline: str, online: str, against: str = "") -> Variant:
    return Variant(title, {"model.offline": offline, "model.online": online}, against, samples=online)


def _mu(percent: int) -> Variant:
    return Variant(f"OFC + ONR, mu 0.{percent}", inference={"localizer.score.mu": percent / 100}, against="ofc-onr", of="ofc-onr")


_VOTE = {"localizer.boxes": "score-vote"}
_VARIANTS = {
    BASE: _offline("OFC (five anchors)", "ofc5s"),
    "ofc1s": _offline("OFC (one anchor)", "ofc1s"),
    "ofr": _offline("OFR", "ofr"),
    "onc": _online("ONC (five anchors)", "none", "onc5s"),
    "onr": _online("ONR", "none", "onr", "onc"),
    "ofc-onc": _online("OFC + ONC", "ofc5s", "onc5s", "onc"),
    "ofc-onr": _online("OFC + ONR", "ofc5s", "onr", "onr"),
    "ofr-onc": _online("OFR + ONC", "ofr", "onc5s", "onc"),
    "ofr-onr": _online("OFR + ONR", "ofr", "onr", "onr"),
    "vote": Variant("OFC + ONR, voting (DuML)", inference=_VOTE, against="ofc-onr", of="ofc-onr"),
    "ofc-vote": Variant("OFC, voting", inference=_VOTE, of=BASE),
    "onr-vote": Variant("ONR, voting", inference=_VOTE, against="onr", of="onr"),
    **{f"mu-{percent}": _mu(percent) for percent in (20, 40, 60, 90)},
}
_TABLE = (BASE, "ofr", "onc", "onr", "ofc-onc", "ofc-onr", "vote", "ofc-vote", "mu-20", "mu-40", "mu-60", "mu-90")

DUML = StudySpec(
    name="duml",
    variants=_VARIANTS,
    table=_TABLE,
    grid={"compact-duml": _TABLE},
    metrics=VOT,
    budget={"compact-duml": {"train.batch_size": 8, "train.unfreeze": ((0.0, 0),)}},
    column="localisation",
    title="Do two modalities localise better than one?",
    intro="""
This page was written by `lockon study duml`. DuML (Zhou et al., *Higher Performance Visual Tracking with Dual-Modal Localization*) sorts
trackers by when they learn and what: offline classification of anchors (OFC) and regression of a Gaussian (OFR), and both as a filter that
is learnt online (ONC, ONR). The paper finds the offline ones accurate and the online ones robust (Table 1), the sum of OFC and ONR better
than each (Tables 2 and 3), flat in the weight mu (Fig. 4), and better still where neighbouring boxes vote (Table 4). There is no public
code. Here the rows are trained side by side with everything else equal: data, samples, initial weights per seed as far as networks share
them, number of steps, inference parameters.
""".strip(),
    networks=(
        "the frozen backbone of lockon-s (EfficientNet-Lite0, ImageNet weights, stride 16, crops of 112 and 224 pixels) with DuML's head "
        "and filters of 128 channels and 5 x 5 cells, one level. These are small networks after short training: the page tells what the "
        "modalities do there, not what they do with a ResNet-50"
    ),
    conditions=(
        "As in the paper, rows with a filter learn from sequences of three support and two query frames without negative ones, and match "
        "the mean of three templates; rows without learn from pairs, with negative ones, with as many search crops for an update",
        "All rows predict boxes from five anchors per point, so that the localisation alone differs (the paper's Table 2)",
        "mu is 0.8 where it is not said. Rows with another mu, or with voting, track with the weights of the row that they are compared "
        "with",
        "A and R as VOT2018 counts them: a new start five frames after each failure, R in failures per 100 frames, as in the paper",
    ),
    published=Published(
        text=(
            "Accuracy and robustness (failures) and EAO on VOT2018, AUC and normalised precision on NUO323 (NFS30, UAV123 and OTB100 "
            "together), Tables 2 to 4, and the gain over OFC."
        ),
        columns=("A", "R", "EAO", "AUC", "NPr"),
        values={
            BASE: (0.598, 0.192, 0.432, 0.609, 0.777),
            "ofc1s": (0.601, 0.225, 0.394, 0.601, 0.769),
            "ofr": (0.586, 0.262, 0.386, 0.599, 0.768),
            "onc": (0.587, 0.108, 0.496, 0.646, 0.821),
            "onr": (0.608, 0.108, 0.511, 0.651, 0.833),
            "ofc-onc": (0.601, 0.098, 0.533, 0.656, 0.837),
            "ofr-onc": (0.604, 0.122, 0.512, 0.648, 0.823),
            "ofr-onr": (0.608, 0.112, 0.527, 0.653, 0.836),
            "ofc-onr": (0.612, 0.084, 0.540, 0.665, 0.844),
            "vote": (0.608, 0.080, 0.564, 0.671, 0.859),
        },
        digits=3,
    ),
    scale=(
        "The same command takes the full network in the paper's setting: `--trackers duml --cache none --device cuda`, with a data root "
        "that holds the papers' datasets and validation videos, and `--steps` left out for the recipe's own epochs. `--only` adds more "
        "rows: `ofc1s`, `ofr-onc`, `ofr-onr` (Table 3) and `onr-vote`."
    ),
)

__all__ = ["DUML"]
