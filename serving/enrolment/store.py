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
# Counts the changes of the templates, so that a gallery in memory knows when it is out of date.
_REVISION = sa.Table("revision", _METADATA, sa.Column("value", sa.BigInteger, nullable=False))


@dataclass(frozen=True)
class ModelVersion:
    """The model that made a template; embeddings of two versions cannot be compared."""

    model: str
    version: int

    def __str__(self) -> str:
        return f"{self.model} version {self.version}"


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
            connection.execute(sa.delete(_TEMPLATES).where(_TEMPLATES.c.identity == identity))
            connection.execute(sa.insert(_TEMPLATES), rows)
            self._changed(connection)

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
        return self._read(made_by, _TEMPLATES.c.identity == identity)[1]

    def everyone(self, made_by: ModelVersion) -> tuple[list[str], np.ndarray]:
        """Returns all templates of one model: whose each is, and float32 [N, D].

        Raises:
            TemplateKeyError: The key does not open them.
        """
        return self._read(made_by)

    def forget(self, identity: str) -> int:
        """Deletes an identity's templates, and its name from the decisions; returns how many
        templates there were."""
        with self._engine.begin() as connection:
            gone = connection.execute(
                sa.delete(_TEMPLATES).where(_TEMPLATES.c.identity == identity)
            ).rowcount
            connection.execute(
                sa.update(_DECISIONS).where(_DECISIONS.c.identity == identity).values(identity=None)
            )
            self._changed(connection)
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

    def _read(
        self, made_by: ModelVersion, *conditions: sa.ColumnElement[bool]
    ) -> tuple[list[str], np.ndarray]:
        query = (
            sa.select(_TEMPLATES.c.identity, _TEMPLATES.c.sealed)
            .where(_TEMPLATES.c.model == made_by.model, _TEMPLATES.c.version == made_by.version)
            .where(*conditions)
            .order_by(_TEMPLATES.c.id)
        )
        with self._engine.connect() as connection:
            rows: Sequence[sa.Row[tuple[str, bytes]]] = connection.execute(query).all()
        opened = [
            self._cipher.decrypt(sealed, _belongs_to(identity, made_by))
            for identity, sealed in rows
        ]
        identities = [identity for identity, _ in rows]
        if not opened:
            return identities, np.zeros((0, 0), np.float32)
        flat = np.frombuffer(b"".join(opened), dtype="<f4")
        return identities, flat.reshape(len(opened), -1).astype(np.float32, copy=False)

    def _changed(self, connection: sa.Connection) -> None:
        connection.execute(sa.update(_REVISION).values(value=_REVISION.c.value + 1))


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
