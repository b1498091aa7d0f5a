"""Who is enrolled: templates of their faces, kept encrypted, and decisions made with them."""

from serving.enrolment.authenticator import Authenticator, Candidate, Decision, Identification
from serving.enrolment.cipher import TemplateCipher, new_key
from serving.enrolment.errors import (
    EnrolmentError,
    ModelChangedError,
    NotEnrolledError,
    StoreError,
    TemplateKeyError,
)
from serving.enrolment.open_set import Acceptance
from serving.enrolment.store import ModelVersion, TemplateStore

__all__ = [
    "Acceptance",
    "Authenticator",
    "Candidate",
    "Decision",
    "EnrolmentError",
    "Identification",
    "ModelChangedError",
    "ModelVersion",
    "NotEnrolledError",
    "StoreError",
    "TemplateCipher",
    "TemplateKeyError",
    "TemplateStore",
    "new_key",
]
