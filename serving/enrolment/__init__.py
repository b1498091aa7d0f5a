"""Who is enrolled: templates of their faces, kept encrypted, and decisions made with them."""

from serving.enrolment.authenticator import Authenticator, Decision, Identification
from serving.enrolment.cipher import TemplateCipher, new_key
from serving.enrolment.errors import (
    EnrolmentError,
    ModelChangedError,
    NotEnrolledError,
    TemplateKeyError,
)
from serving.enrolment.store import ModelVersion, TemplateStore

__all__ = [
    "Authenticator",
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
