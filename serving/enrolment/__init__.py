"""Who is enrolled: templates of their faces, kept encrypted, and decisions made with them."""

from serving.enrolment.authenticator import Authenticator, Candidate, Decision, Identification
from serving.enrolment.cipher import TemplateCipher, new_key
from serving.enrolment.errors import (
    EnrolmentError,
    ModelChangedError,
    NotEnrolledError,
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
    "TemplateCipher",
    "TemplateKeyError",
    "TemplateStore",
    "new_key",
]
