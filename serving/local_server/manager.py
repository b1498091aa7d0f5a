"""Which versions of which models are served: found on disk, loaded, labelled and unloaded."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tensorflow_serving.apis.get_model_status_pb2 import ModelVersionStatus
from tensorflow_serving.config.file_system_storage_path_source_pb2 import (
    FileSystemStoragePathSourceConfig,
)
from tensorflow_serving.config.model_server_config_pb2 import ModelConfig, ModelServerConfig

from serving.local_server.servable import Servable
from serving.local_server.status import Code, StatusError, invalid
from serving.versions import versions_in

_LOG = logging.getLogger(__name__)

_State = ModelVersionStatus
_PLATFORM: Final = "tensorflow"


@dataclass(frozen=True)
class VersionStatus:
    """A version's state, by ``ModelVersionStatus.State``, and why it is not available."""

    version: int
    state: int
    code: Code = Code.OK
    message: str = ""


@dataclass
class _Version:
    status: VersionStatus
    servable: Servable | None = None
    # What the folder looked like when loading failed; it is tried again when that changes.
    failed_on: tuple[int, int] | None = None


@dataclass
class _Model:
    config: ModelConfig
    versions: dict[int, _Version] = field(default_factory=dict)

    def available(self) -> list[int]:
        return sorted(
            number for number, version in self.versions.items() if version.servable is not None
        )


class ModelManager:
    """Keeps the served versions in step with the disk and the config. Lives on one event loop.

    A new version is loaded before an old one is unloaded, and an old one is unloaded only when
    every version that should be served is: a version that does not load takes nothing away.

    Args:
        config: The models, their folders, version policies and labels.
        load: Loads a version, on a thread: model name, version, folder to ``Servable``.
        changed: Is told a model's name and its available versions after each change.
    """

    def __init__(
        self,
        config: ModelServerConfig,
        load: Callable[[str, int, Path], Servable],
        changed: Callable[[str, Sequence[int]], None] = lambda name, versions: None,
    ) -> None:
        self._load = load
        self._changed = changed
        self._models: dict[str, _Model] = {}
        self._lock = asyncio.Lock()
        self._config(config)

    @property
    def names(self) -> list[str]:
        """The configured models."""
        return list(self._models)

    def ready(self) -> bool:
        """Returns whether each configured model, and at least one, has a version to answer."""
        return bool(self._models) and all(model.available() for model in self._models.values())

    def resolve(self, name: str, version: int | None = None, label: str | None = None) -> Servable:
        """Returns what answers a request: a version, a labelled version, or else the newest.

        Raises:
            StatusError: NOT_FOUND when it is not served; INVALID_ARGUMENT for an unknown label.
        """
        model = self._models.get(name)
        available = model.available() if model else []
        if model and label is not None:
            version = self._labelled(model, label)
        if model is None or not available:
            raise StatusError(
                Code.NOT_FOUND,
                f"Servable not found for request: Latest({name[:100]}). "
                f"Served: {', '.join(self._models) or 'none'}",
            )
        if version is None:
            version = available[-1]
        found = model.versions.get(version)
        if found is None or found.servable is None:
            raise StatusError(
                Code.NOT_FOUND,
                f"Servable not found for request: Specific({name}, {version}). "
                f"Served: {', '.join(map(str, available))}",
            )
        return found.servable

    def status(
        self, name: str, version: int | None = None, label: str | None = None
    ) -> list[VersionStatus]:
        """Returns the state of one version, or of every version seen, newest first.

        Raises:
            StatusError: NOT_FOUND when there is none; INVALID_ARGUMENT for an unknown label.
        """
        model = self._models.get(name)
        if model and label is not None:
            version = self._labelled(model, label)
        versions = model.versions if model else {}
        numbers = sorted(versions, reverse=True) if version is None else [version]
        found = [versions[number].status for number in numbers if number in versions]
        if not found:
            wanted = "any versions" if version is None else f"version {version}"
            raise StatusError(Code.NOT_FOUND, f"Could not find {wanted} of model {name[:100]}")
        return found

    async def poll(self) -> None:
        """Looks at the disk once, and loads and unloads accordingly."""
        async with self._lock:
            for name, model in list(self._models.items()):
                await self._update(name, model)

    async def apply(self, config: ModelServerConfig, labels_must_exist: bool = True) -> None:
        """Serves ``config`` from now on; returns when its models are loaded.

        Args:
            config: Replaces the whole config that was in force.
            labels_must_exist: Whether a label for a version that is not loaded is an error. Its
                models are served all the same, under the labels they had before.

        Raises:
            StatusError: INVALID_ARGUMENT for a config that cannot be served, which changes nothing;
                FAILED_PRECONDITION for a label as above.
        """
        async with self._lock:
            before = {
                name: dict(model.config.version_labels) for name, model in self._models.items()
            }
            removed = self._config(config)
            for name, model in list(self._models.items()):
                await self._update(name, model)
            for name, gone in removed.items():
                await self._unload(name, gone, gone.available())
            if labels_must_exist:
                self._check_labels(before)

    def _check_labels(self, before: dict[str, dict[str, int]]) -> None:
        for name, model in self._models.items():
            for label, version in model.config.version_labels.items():
                if version not in model.available():
                    model.config.version_labels.clear()
                    model.config.version_labels.update(before.get(name, {}))
                    raise StatusError(
                        Code.FAILED_PRECONDITION,
                        f"label {label!r} of model {name!r} points to version {version}, which is "
                        f"not loaded; loaded: {', '.join(map(str, model.available())) or 'none'}",
                    )

    def _config(self, config: ModelServerConfig) -> dict[str, _Model]:
        """Takes over a config; returns the models it no longer has."""
        models = list(config.model_config_list.config)
        names = [model.name for model in models]
        if len(set(names)) != len(names) or not all(names):
            raise invalid(f"each model needs a name of its own, not {names}")
        for model in models:
            if not model.base_path:
                raise invalid(f"model {model.name!r} needs a base_path")
            if model.model_platform not in ("", _PLATFORM):
                raise invalid(
                    f"model {model.name!r} has model_platform {model.model_platform!r}; only "
                    f"{_PLATFORM!r} is served here"
                )
        removed = {name: model for name, model in self._models.items() if name not in names}
        kept: dict[str, _Model] = {}
        for model in models:
            old = self._models.get(model.name)
            if old and old.config.base_path != model.base_path:
                # The same numbers mean other models now.
                removed[model.name], old = old, None
            # A copy: the caller's message may change, and labels are taken back on an error.
            own = ModelConfig()
            own.CopyFrom(model)
            kept[model.name] = _Model(own, old.versions if old else {})
        self._models = kept
        return removed

    def _labelled(self, model: _Model, label: str) -> int:
        labels = model.config.version_labels
        if label not in labels:
            raise invalid(
                f"Unrecognized servable version label: {label[:100]}. "
                f"Labels: {', '.join(sorted(labels)) or 'none'}"
            )
        return labels[label]

    async def _update(self, name: str, model: _Model) -> None:
        base = Path(model.config.base_path)
        if not base.is_dir():
            _LOG.warning("model %s: there is no folder %s; serving what is loaded", name, base)
            return
        try:
            wanted = wanted_versions(base, model.config.model_version_policy)
        except OSError as error:
            _LOG.warning("model %s: %s; serving what is loaded", name, error)
            return
        for number in sorted(wanted, reverse=True):
            known = model.versions.get(number)
            if known is None or known.servable is None:
                await self._try_load(name, model, number)
        available = model.available()
        if wanted and set(wanted) <= set(available):
            await self._unload(name, model, [one for one in available if one not in wanted])

    async def _try_load(self, name: str, model: _Model, number: int) -> None:
        folder = Path(model.config.base_path, str(number))
        looks = _fingerprint(folder)
        known = model.versions.get(number)
        if known and known.failed_on == looks:
            return
        entry = _Version(VersionStatus(number, _State.LOADING))
        model.versions[number] = entry
        try:
            entry.servable = await asyncio.to_thread(self._load, name, number, folder)
        except Exception as error:
            # A broken model may raise anything; the server keeps what it has.
            entry.failed_on = looks
            message = f"{folder} does not load: {type(error).__name__}: {str(error)[:300]}"
            entry.status = VersionStatus(number, _State.END, Code.UNKNOWN, message)
            _LOG.error("model %s: %s; still serving %s", name, message, model.available() or "none")
            return
        entry.status = VersionStatus(number, _State.AVAILABLE)
        _LOG.info("model %s: version %d is available", name, number)
        self._changed(name, model.available())

    async def _unload(self, name: str, model: _Model, numbers: Sequence[int]) -> None:
        for number in numbers:
            entry = model.versions[number]
            servable, entry.servable = entry.servable, None
            entry.status = VersionStatus(number, _State.UNLOADING)
            self._changed(name, model.available())
            if servable is not None:
                await servable.drain()
            entry.status = VersionStatus(number, _State.END)
            _LOG.info("model %s: version %d is unloaded", name, number)


def wanted_versions(
    base: Path, policy: FileSystemStoragePathSourceConfig.ServableVersionPolicy
) -> list[int]:
    """Returns the versions in ``base`` that ``policy`` asks for; without one, the newest.

    Raises:
        OSError: ``base`` cannot be read.
    """
    present = versions_in(base)
    kind = policy.WhichOneof("policy_choice")
    if kind == "all":
        return present
    if kind == "specific":
        return [number for number in present if number in set(policy.specific.versions)]
    return present[-(policy.latest.num_versions or 1) :]


def _fingerprint(folder: Path) -> tuple[int, int]:
    """Returns the size and the newest change of what is in ``folder``."""
    size, changed = 0, 0
    for entry in folder.rglob("*"):
        try:
            info = entry.stat()
        except FileNotFoundError:  # a file that is being renamed
            continue
        size += info.st_size
        changed = max(changed, info.st_mtime_ns)
    return size, changed
