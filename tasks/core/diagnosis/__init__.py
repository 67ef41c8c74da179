"""Failures that we know: what their output looks like, why they happen, what to do, and what was preserved.

One entry for each failure of the design's "Error Handling", and for what else has been seen. The first that fits
wins: the particular ones come before the general ones.
"""

from tasks.core.diagnosis.builds import BUILD
from tasks.core.diagnosis.deployment import CONFIGURATION, CONNECTION, INSTALLATION, TRANSFER
from tasks.core.diagnosis.entry import Diagnosis, diagnose
from tasks.core.diagnosis.startup import ACTIVATION

KNOWN = (*ACTIVATION, *CONNECTION, *INSTALLATION, *TRANSFER, *BUILD, *CONFIGURATION)
"""All of them."""

__all__ = ["ACTIVATION", "BUILD", "KNOWN", "Diagnosis", "diagnose"]
