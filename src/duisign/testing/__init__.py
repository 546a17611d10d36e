"""A throw-away SMKI and sample messages for tests.

For tests only: the keys are made anew in each process and prove nothing, and no genuine certificate leads to
them. Never add one of these roots or certificates to a trust store that guards real messages.
"""

from duisign.testing.conditions import Condition, make_conditions
from duisign.testing.samples import Sample, firmware_request, make_samples
from duisign.testing.smki import TEST_POLICY_OID, Identity, Smki

__all__ = [
    "TEST_POLICY_OID",
    "Condition",
    "Identity",
    "Sample",
    "Smki",
    "firmware_request",
    "make_conditions",
    "make_samples",
]
