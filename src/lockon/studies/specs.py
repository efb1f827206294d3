"""The studies by name."""

from __future__ import annotations

from lockon.studies.alpha_refine import ALPHA_REFINE
from lockon.studies.rbo import RBO
from lockon.studies.siamla import SIAMLA
from lockon.studies.spec import StudySpec

KINDS: dict[str, StudySpec] = {kind.name: kind for kind in (RBO, SIAMLA, ALPHA_REFINE)}

__all__ = ["KINDS"]
