"""The studies by name."""

from __future__ import annotations

from lockon.studies.alpha_refine import ALPHA_REFINE
from lockon.studies.kind import StudyKind
from lockon.studies.rbo import RBO
from lockon.studies.siamla import SIAMLA

KINDS: dict[str, StudyKind] = {kind.name: kind for kind in (RBO, SIAMLA, ALPHA_REFINE)}

__all__ = ["KINDS"]
