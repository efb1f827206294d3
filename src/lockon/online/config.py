"""`OnlineConfig`: the inference parameters of a tracker that learns online, all of them parts or numbers."""

from __future__ import annotations

from dataclasses import dataclass, field

from lockon._config_values import check_field, check_range
from lockon.localizers.peaks import LargestPeak, SecondPeak
from lockon.online.ascent import BestMean, BoxAscent, RandomBoxes
from lockon.online.atom import ATOMLearner
from lockon.online.dimp import DiMPLearner
from lockon.online.views import ViewPlan
from lockon.online.windows import AsCut, NearestPixel
from lockon.ops.array_math import softmax
from lockon.ops.crop_rules import PytrackingRule
from lockon.start_rules import ClippedStart, UnclippedStart
from lockon.target import StatePolicy
from lockon.tracker import Calibration
from lockon.types import FloatArray


@dataclass(frozen=True, kw_only=True, slots=True)
class RawResponse:
    """Responses as the filter gives them (ATOM, DiMP)."""

    def __call__(self, maps: FloatArray) -> FloatArray:
        """Return (B, S, S) responses as they are."""
        return maps


@dataclass(frozen=True, kw_only=True, slots=True)
class DensityResponse:
    """Responses as a density: their softmax over the map (PrDiMP)."""

    def __call__(self, maps: FloatArray) -> FloatArray:
        """Return the softmax of (B, S, S) responses over each map."""
        density: FloatArray = softmax(maps.reshape(len(maps), -1)).reshape(maps.shape)
        return density


@dataclass(frozen=True, kw_only=True, slots=True)
class BoxRefinement:
    """How a box is refined with the box network.

    Attributes:
        start: Boxes that the ascent begins with.
        ascent: Its steps.
        choice: Which box comes out.
        pixel_centers: Refined boxes count crop pixels from the centre of the first one, as published networks learnt it, not from its
            corner. The start boxes, and those that samples are learnt with, count from the corner either way.
    """

    start: RandomBoxes = field(default_factory=RandomBoxes)
    ascent: BoxAscent = field(default_factory=BoxAscent)
    choice: BestMean = field(default_factory=BestMean)
    pixel_centers: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class OnlineConfig:
    """Inference parameters of an `OnlineTracker`.

    Attributes:
        search_crop: Which window of a frame is searched.
        search_size: Side of the crops in pixels, a multiple of 32 up to 2048; None for that which the network was trained with.
        placement: How places in it are mapped to the frame.
        exact_pixels: Resampled pixels keep their fractions, as in the published code; otherwise crops are whole numbers, a quarter of the
            data. For networks of torch only.
        start: How a user's box becomes the first state.
        views: What is made of the first frame.
        learner: How the filter is learnt.
        response: What a filter's response means.
        window: Responses are weighed by a Hann window (presets of VOT).
        localization: Where the target is, and whether it is the target at all.
        inside: Share of the target's sides that the located place keeps in the frame, 0..1.
        refinement: How the box is refined; None leaves it its last size, at the located place.
        learn_refined: Samples are learnt at the refined place, otherwise at the located one; the size is the refined one either way.
        scale_when_uncertain: The next window has the refined size also after an "uncertain" frame.
        calibration: Response to score.
        states: What a score means for the target.

    Raises:
        LockonError: A value outside its range.
    """

    search_crop: PytrackingRule = field(default_factory=lambda: PytrackingRule(factor=5.0))
    search_size: int | None = None
    placement: AsCut | NearestPixel = field(default_factory=AsCut)
    exact_pixels: bool = False
    start: ClippedStart | UnclippedStart = field(default_factory=ClippedStart)
    views: ViewPlan = field(default_factory=ViewPlan)
    learner: DiMPLearner | ATOMLearner = field(default_factory=DiMPLearner)
    response: RawResponse | DensityResponse = field(default_factory=RawResponse)
    window: bool = False
    localization: SecondPeak | LargestPeak = field(default_factory=SecondPeak)
    inside: float = 0.2
    refinement: BoxRefinement | None = field(default_factory=BoxRefinement)
    learn_refined: bool = True
    scale_when_uncertain: bool = True
    calibration: Calibration = field(default_factory=Calibration)
    states: StatePolicy = field(default_factory=StatePolicy)

    def __post_init__(self) -> None:
        check_range("inside", self.inside, 0, 1)
        if self.search_size is not None:
            check_range("search_size", self.search_size, 64, 2048)
            check_field(self, "search_size", self.search_size % 32 == 0, "a multiple of 32, for example 288")


__all__ = ["BoxRefinement", "DensityResponse", "OnlineConfig", "RawResponse"]
