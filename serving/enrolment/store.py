"""Templates and decisions in a database: SQLite by default, PostgreSQL by a URL."""

import datetime
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import sqlalchemy as sa

from serving.enrolment.cipher import TemplateCipher
from serving.enrolment.errors import EnrolmentError

_METADATA = sa.MetaData()
_TEMPLATES = sa.Table(
    "template",
    _METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("identity", sa.String(200), nullable=False, index=True),
    sa.Column("model", sa.String(200), nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("created", sa.DateTime(timezone=True), nullable=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Index("template_by_model", "model", "version"),
)
# Who asked what and how it was decided; nothing that describes a face.
_DECISIONS = sa.Table(
    "decision",
    _METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("time", sa.DateTime(timezone=True), nullable=False),
    sa.Column("action", sa.String(20), nullable=False),
    # Null once the identity is forgotten.
    sa.Column("identity", sa.String(200), index=True),
    sa.Column("model", sa.String(200), nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("outcome", sa.String(20), nullable=False),
)
# Counts the changes of the templates. Whoever changes them writes here first, and so waits for
# anyone who does at the same time: what is numbered later is also there later.
_REVISION = sa.Table("revision", _METADATA, sa.Column("value", sa.BigInteger, nullable=False))
# Which template came or went with which revision, for a gallery in memory to follow.
_JOURNAL = sa.Table(
    "journal",
    _METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("revision", sa.BigInteger, nullable=False, index=True),
    sa.Column("template", sa.Integer, nullable=False),
    sa.Column("gone", sa.Boolean, nullable=False),
)


@dataclass(frozen=True)
class ModelVersion:
    """The model that made a template; embeddings of two versions cannot be compared."""

    model: str
    version: int

    def __str__(self) -> str:
        return f"{self.model} version {self.version}"


@dataclass(frozen=True)
class Templates:
    """Some templates of one model.

    Args:
        ids: Of each, int64 [N]. The store may give the ID of one that is gone to another.
        identities: Whose each is.
        vectors: float32 [N, D]; [0, 0] for none.
    """

    ids: np.ndarray
    identities: list[str]
    vectors: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class Changes:
    """What has happened to the templates of one model between two revisions.

    Args:
        revision: The later one.
        gone: IDs of templates that were deleted, also of such as belong to another model.
        new: Templates that have come since, and are still there.
    """

    revision: int
    gone: list[int]
    new: Templates


@dataclass(frozen=True)
class DecisionRecord:
    """A decision as it was logged."""

    time: datetime.datetime
    action: str
    identity: str | None
    made_by: ModelVersion
    outcome: str


class TemplateStore:
    """Keeps templates encrypted, and decisions in plain.

    Args:
        url: A SQLAlchemy URL, such as ``sqlite:///faceauth.db`` or ``postgresql+psycopg://…``. A
            SQLite file that does not exist is made readable to its owner only.
        cipher: Encrypts the templates.

    Raises:
        EnrolmentError: The database cannot be opened.
    """

    def __init__(self, url: str, cipher: TemplateCipher) -> None:
        self._cipher = cipher
        try:
            parsed = sa.make_url(url)
            if parsed.get_backend_name() == "sqlite" and parsed.database not in (None, ":memory:"):
                _make_private(Path(str(parsed.database)))
            self._engine = sa.create_engine(parsed)
            _METADATA.create_all(self._engine)
            with self._engine.begin() as connection:
                if connection.scalar(sa.select(_REVISION.c.value)) is None:
                    connection.execute(sa.insert(_REVISION).values(value=0))
        except (sa.exc.SQLAlchemyError, OSError, ImportError) as error:
            raise EnrolmentError(
                f"the template store {_shown(url)} cannot be opened: {error}; give a SQLAlchemy "
                "URL such as sqlite:///faceauth.db"
            ) from error

    def put(self, identity: str, made_by: ModelVersion, embeddings: np.ndarray) -> None:
        """Replaces all templates of an identity.

        Args:
            identity: Whose they are.
            made_by: The model that made them.
            embeddings: float32 [N, D].
        """
        now = datetime.datetime.now(datetime.timezone.utc)
        rows = [
            {
                "identity": identity,
                "model": made_by.model,
                "version": made_by.version,
                "created": now,
                "sealed": self._cipher.encrypt(
                    np.ascontiguousarray(embedding, dtype="<f4").tobytes(),
                    _belongs_to(identity, made_by),
                ),
            }
            for embedding in embeddings
        ]
        with self._engine.begin() as connection:
            revision = _next_revision(connection)
            _delete(connection, identity, revision)
            for row in rows:
                number = connection.execute(_INSERT, row).scalar_one()
                _write_down(connection, revision, number, gone=False)

    def made_by(self, identity: str) -> ModelVersion | None:
        """Returns the model that made an identity's templates; None when it has none."""
        query = sa.select(_TEMPLATES.c.model, _TEMPLATES.c.version).where(
            _TEMPLATES.c.identity == identity
        )
        with self._engine.connect() as connection:
            row = connection.execute(query.limit(1)).first()
        return None if row is None else ModelVersion(row.model, row.version)

    def get(self, identity: str, made_by: ModelVersion) -> np.ndarray:
        """Returns an identity's templates of one model, float32 [N, D]; [0, 0] if there are none.

        Raises:
            TemplateKeyError: The key does not open them.
        """
        return self._read(made_by, _TEMPLATES.c.identity == identity).vectors

    def templates(self, identities: Sequence[str], made_by: ModelVersion) -> dict[str, np.ndarray]:
        """Returns the templates of those identities that have some of one model, float32 [T, D].

        Raises:
            TemplateKeyError: The key does not open them.
        """
        found = self._read(made_by, _TEMPLATES.c.identity.in_(identities))
        rows: dict[str, list[np.ndarray]] = {}
        for identity, vector in zip(found.identities, found.vectors, strict=True):
            rows.setdefault(identity, []).append(vector)
        return {identity: np.stack(vectors) for identity, vectors in rows.items()}

    def enrolled(self) -> dict[ModelVersion, int]:
        """Returns how many people are enrolled with each model version, the newest first."""
        query = (
            sa.select(
                _TEMPLATES.c.model,
                _TEMPLATES.c.version,
                sa.func.count(_TEMPLATES.c.identity.distinct()),
            )
            .group_by(_TEMPLATES.c.model, _TEMPLATES.c.version)
            .order_by(_TEMPLATES.c.version.desc(), _TEMPLATES.c.model)
        )
        with self._engine.connect() as connection:
            return {
                ModelVersion(model, version): int(people)
                for model, version, people in connection.execute(query)
            }

    def everyone(self, made_by: ModelVersion) -> Changes:
        """Returns all templates of one model, as changes since there was none.

        Raises:
            TemplateKeyError: The key does not open them.
        """
        # What changes in between is there already, and comes again with the next changes.
        revision = self.revision()
        return Changes(revision, [], self._read(made_by))

    def changes(self, made_by: ModelVersion, since: int) -> Changes:
        """Returns what has happened to the templates of one model.

        Args:
            made_by: The model.
            since: The revision up to which changes are known.

        Raises:
            TemplateKeyError: The key does not open them.
        """
        revision = self.revision()
        between = (_JOURNAL.c.revision > since, _JOURNAL.c.revision <= revision)
        gone = sa.select(_JOURNAL.c.template).where(_JOURNAL.c.gone, *between)
        came = sa.select(_JOURNAL.c.template).where(~_JOURNAL.c.gone, *between)
        with self._engine.connect() as connection:
            deleted = list(connection.scalars(gone))
        return Changes(revision, deleted, self._read(made_by, _TEMPLATES.c.id.in_(came)))

    def forget(self, identity: str) -> int:
        """Deletes an identity's templates, and its name from the decisions; returns how many
        templates there were."""
        with self._engine.begin() as connection:
            gone = _delete(connection, identity, _next_revision(connection))
            connection.execute(
                sa.update(_DECISIONS).where(_DECISIONS.c.identity == identity).values(identity=None)
            )
        return gone

    def log(self, action: str, identity: str | None, made_by: ModelVersion, outcome: str) -> None:
        """Writes a decision down."""
        with self._engine.begin() as connection:
            connection.execute(
                sa.insert(_DECISIONS).values(
                    time=datetime.datetime.now(datetime.timezone.utc),
                    action=action,
                    identity=identity,
                    model=made_by.model,
                    version=made_by.version,
                    outcome=outcome,
                )
            )

    def decisions(self) -> list[DecisionRecord]:
        """Returns every decision, oldest first."""
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(_DECISIONS).order_by(_DECISIONS.c.id)).all()
        return [
            DecisionRecord(
                row.time,
                row.action,
                row.identity,
                ModelVersion(row.model, row.version),
                row.outcome,
            )
            for row in rows
        ]

    def revision(self) -> int:
        """Returns a number that grows with every change of a template."""
        with self._engine.connect() as connection:
            return int(connection.scalar(sa.select(_REVISION.c.value)) or 0)

    def close(self) -> None:
        """Closes the connections."""
        self._engine.dispose()

    def _read(self, made_by: ModelVersion, *conditions: sa.ColumnElement[bool]) -> Templates:
        query = (
            sa.select(_TEMPLATES.c.id, _TEMPLATES.c.identity, _TEMPLATES.c.sealed)
            .where(_TEMPLATES.c.model == made_by.model, _TEMPLATES.c.version == made_by.version)
            .where(*conditions)
            .order_by(_TEMPLATES.c.id)
        )
        with self._engine.connect() as connection:
            rows: list[tuple[int, str, bytes]] = [tuple(row) for row in connection.execute(query)]
        opened = [
            self._cipher.decrypt(sealed, _belongs_to(identity, made_by))
            for _, identity, sealed in rows
        ]
        # Writable, for a gallery to strike out what goes.
        flat = np.frombuffer(bytearray().join(opened), dtype="<f4").astype(np.float32, copy=False)
        return Templates(
            np.array([number for number, _, _ in rows], np.int64),
            [identity for _, identity, _ in rows],
            flat.reshape(len(opened), -1) if opened else np.zeros((0, 0), np.float32),
        )


_INSERT = sa.insert(_TEMPLATES).returning(_TEMPLATES.c.id)


def _next_revision(connection: sa.Connection) -> int:
    connection.execute(sa.update(_REVISION).values(value=_REVISION.c.value + 1))
    return int(connection.scalar(sa.select(_REVISION.c.value)) or 0)


def _delete(connection: sa.Connection, identity: str, revision: int) -> int:
    """Deletes an identity's templates; returns how many there were."""
    its = _TEMPLATES.c.identity == identity
    numbers = list(connection.scalars(sa.select(_TEMPLATES.c.id).where(its)))
    connection.execute(sa.delete(_TEMPLATES).where(its))
    for number in numbers:
        _write_down(connection, revision, number, gone=True)
    return len(numbers)


def _write_down(connection: sa.Connection, revision: int, template: int, gone: bool) -> None:
    connection.execute(sa.insert(_JOURNAL).values(revision=revision, template=template, gone=gone))


def _belongs_to(identity: str, made_by: ModelVersion) -> str:
    # The lengths keep two different pairs from giving one text.
    return f"{len(identity)}:{identity}{len(made_by.model)}:{made_by.model}{made_by.version}"


def _make_private(path: Path) -> None:
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return


def _shown(url: str) -> str:
    """Returns a URL without its password."""
    try:
        return sa.make_url(url).render_as_string(hide_password=True)
    except sa.exc.ArgumentError:
        return "(not a URL)"
