"""Controlled studies: the same training many times with one thing changed, judged by tracking, told with its spread."""

from lockon.studies.alpha_refine import ALPHA_REFINE
from lockon.studies.duml import DUML
from lockon.studies.rbo import RBO
from lockon.studies.rtrack import RTRACK
from lockon.studies.siamla import SIAMLA
from lockon.studies.spec import StudySpec

KINDS: dict[str, StudySpec] = {kind.name: kind for kind in (RBO, SIAMLA, RTRACK, ALPHA_REFINE, DUML)}

__all__ = ["KINDS"]
