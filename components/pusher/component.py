"""Pusher as a TFX component."""

from tfx.components.pusher import component
from tfx.dsl.components.base import executor_spec

from components.pusher.driver import Driver
from components.pusher.executor import Executor


class Pusher(component.Pusher):
    """Makes a blessed model the newest version that is served.

    As TFX's Pusher, and moreover: a version appears whole or not at all, two pushes in one second
    are two versions, and a model that is the newest version already is not pushed again.
    """

    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)
    DRIVER_CLASS = Driver
