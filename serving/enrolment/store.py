"""Templates and decisions in a database: SQLite by default, PostgreSQL by a URL."""

import datetime
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import sqlalchemy as sa

from serving.enrolment.cipher import TemplateCipher
from serving.enrolment.errors import EnrolmentError, StoreError, TemplateKeyError

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
    # What the model says it is, see ``ModelVersion``; empty where it says nothing.
    sa.Column("network", sa.String(64), nullable=False, server_default=""),
    # Of the identity's templates, see ``_GENERATIONS``; 0 of those from before there were any.
    sa.Column("generation", sa.BigInteger, nullable=False, server_default="0"),
    sa.Index("template_by_model", "model", "version"),
)
# How often an identity was enrolled or forgotten, sealed: an old row that is put back has another
# number sealed into it. Kept by a keyed hash, which outlives the name.
_GENERATIONS = sa.Table(
    "generation",
    _METADATA,
    sa.Column("tag", sa.LargeBinary(32), primary_key=True),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
)
# A text that the key of all templates opens.
_KEY_CHECK = sa.Table("key_check", _METADATA, sa.Column("sealed", sa.LargeBinary, nullable=False))
_KEY_TEXT: Final = "the key of this store"
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
    """The model that made a template; embeddings of two networks cannot be compared.

    Args:
        model: Its name.
        version: Its number on the server.
        network: The digest that it gives of its network, or nothing: an older one has none.
    """

    model: str
    version: int
    network: str = ""

    def __str__(self) -> str:
        network = f" (network {self.network[:8]})" if self.network else ""
        return f"{self.model} version {self.version}{network}"

    def embeds_as(self, other: "ModelVersion") -> bool:
        """Whether embeddings of both can be compared.

        The digests say so, whatever the numbers are. Without any, the numbers have to.
        """
        if self.network or other.network:
            return (self.model, self.network) == (other.model, other.network)
        return (self.model, self.version) == (other.model, other.version)


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

    Every method raises ``StoreError`` where the database cannot be read or written then.
    """

    def __init__(self, url: str, cipher: TemplateCipher) -> None:
        self._cipher = cipher
        try:
            parsed = sa.make_url(url)
            if parsed.get_backend_name() == "sqlite" and _is_a_path(parsed.database):
                _make_private(Path(str(parsed.database)))
            self._engine = sa.create_engine(parsed)
            if parsed.get_backend_name() == "sqlite":
                sa.event.listen(self._engine, "connect", _erase_what_is_deleted)
            _METADATA.create_all(self._engine)
            _add_columns(self._engine)
            with self._engine.begin() as connection:
                if connection.scalar(sa.select(_REVISION.c.value)) is None:
                    connection.execute(sa.insert(_REVISION).values(value=0))
        except (sa.exc.SQLAlchemyError, OSError, ImportError) as error:
            raise EnrolmentError(
                f"the template store {_shown(url)} cannot be opened: {_cause(error)}; look whether "
                "it can be read and written and whether another program holds it locked, or give "
                "another SQLAlchemy URL, such as sqlite:///faceauth.db"
            ) from error

    def put(self, identity: str, made_by: ModelVersion, embeddings: np.ndarray) -> None:
        """Replaces all templates of an identity.

        Args:
            identity: Whose they are.
            made_by: The model that made them.
            embeddings: float32 [N, D].

        Raises:
            TemplateKeyError: What is stored was encrypted with another key. Nothing is changed.
        """
        now = datetime.datetime.now(datetime.timezone.utc)
        with self._writing() as connection:
            revision = _next_revision(connection)
            self._check_key(connection)
            _delete(connection, identity, revision)
            generation = self._next_generation(connection, identity)
            owner: dict[str, Any] = {
                "identity": identity,
                "model": made_by.model,
                "version": made_by.version,
                "network": made_by.network,
                "generation": generation,
            }
            for embedding in embeddings:
                content = np.ascontiguousarray(embedding, dtype="<f4").tobytes()
                sealed = self._cipher.encrypt(content, _belongs_to(**owner))
                row = {**owner, "created": now, "sealed": sealed}
                number = connection.execute(_INSERT, row).scalar_one()
                _write_down(connection, revision, number, gone=False)
        self._clean()

    def change_key(self, cipher: TemplateCipher) -> int:
        """Encrypts all templates anew, with another key, or none; returns how many there are.

        Args:
            cipher: Has the other key, and is this store's from then on.

        Raises:
            TemplateKeyError: The store's own key does not open them.
        """
        with self._writing() as connection:
            _next_revision(connection)
            self._check_key(connection)
            rows = connection.execute(sa.select(_TEMPLATES)).all()
            # A name that was forgotten cannot be sealed anew, and its number goes with the key.
            generations = {row.identity: self._generation(connection, row.identity) for row in rows}
            for row in rows:
                owner = _belongs_to(**_owner(row))
                sealed = cipher.encrypt(self._cipher.decrypt(row.sealed, owner), owner)
                its = sa.update(_TEMPLATES).where(_TEMPLATES.c.id == row.id)
                connection.execute(its.values(sealed=sealed))
            connection.execute(sa.delete(_GENERATIONS))
            for identity, number in generations.items():
                _seal_generation(connection, cipher, identity, number)
            connection.execute(sa.delete(_KEY_CHECK))
            _seal_key_check(connection, cipher)
        self._cipher = cipher
        self._clean()
        return len(rows)

    def made_by(self, identity: str) -> ModelVersion | None:
        """Returns the model that made an identity's templates; None when it has none."""
        query = sa.select(_TEMPLATES).where(_TEMPLATES.c.identity == identity)
        with self._reading() as connection:
            row = connection.execute(query.limit(1)).first()
        return None if row is None else ModelVersion(row.model, row.version, row.network)

    def get(self, identity: str, made_by: ModelVersion) -> np.ndarray:
        """Returns an identity's templates of one model, float32 [N, D]; [0, 0] if there are none.

        Raises:
            TemplateKeyError: The key does not open them, or an old one was put back.
        """
        return self._read(made_by, _TEMPLATES.c.identity == identity, current=True).vectors

    def templates(self, identities: Sequence[str], made_by: ModelVersion) -> dict[str, np.ndarray]:
        """Returns the templates of those identities that have some of one model, float32 [T, D].

        Raises:
            TemplateKeyError: The key does not open them, or an old one was put back.
        """
        found = self._read(made_by, _TEMPLATES.c.identity.in_(identities), current=True)
        rows: dict[str, list[np.ndarray]] = {}
        for identity, vector in zip(found.identities, found.vectors, strict=True):
            rows.setdefault(identity, []).append(vector)
        return {identity: np.stack(vectors) for identity, vectors in rows.items()}

    def enrolled(self) -> dict[ModelVersion, int]:
        """Returns how many people are enrolled with each model version, the newest first."""
        query = (
            sa.select(*_MADE_BY, sa.func.count(_TEMPLATES.c.identity.distinct()))
            .group_by(*_MADE_BY)
            .order_by(_TEMPLATES.c.version.desc(), _TEMPLATES.c.model, _TEMPLATES.c.network)
        )
        with self._reading() as connection:
            return {
                ModelVersion(model, version, network): int(people)
                for model, version, network, people in connection.execute(query)
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
        with self._reading() as connection:
            deleted = list(connection.scalars(gone))
        return Changes(revision, deleted, self._read(made_by, _TEMPLATES.c.id.in_(came)))

    def forget(self, identity: str) -> int:
        """Deletes an identity's templates, and its name from the decisions; returns how many
        templates there were. No byte of either is left in the database."""
        with self._writing() as connection:
            gone = _delete(connection, identity, _next_revision(connection))
            # Without the right key they are still forgotten, and open to nobody.
            with suppress(TemplateKeyError):
                self._next_generation(connection, identity)
            connection.execute(
                sa.update(_DECISIONS).where(_DECISIONS.c.identity == identity).values(identity=None)
            )
        self._clean()
        return gone

    def log(self, action: str, identity: str | None, made_by: ModelVersion, outcome: str) -> None:
        """Writes a decision down."""
        with self._writing() as connection:
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
        with self._reading() as connection:
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
        with self._reading() as connection:
            return int(connection.scalar(sa.select(_REVISION.c.value)) or 0)

    def close(self) -> None:
        """Closes the connections."""
        self._engine.dispose()

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with _told(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        with _told(), self._engine.begin() as connection:
            yield connection

    def _clean(self) -> None:
        """What SQLite's write-ahead log still holds goes into the database, and out of the log."""
        if self._engine.dialect.name == "sqlite":
            with self._reading() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").close()

    def _check_key(self, connection: sa.Connection) -> None:
        """Refuses a key that is not that of what is stored; remembers that of a new store."""
        row = connection.execute(sa.select(_TEMPLATES).limit(1)).first()
        sealed = connection.scalar(sa.select(_KEY_CHECK.c.sealed))
        if row is not None and sealed is not None:
            self._cipher.decrypt(sealed, _KEY_TEXT)
        elif row is not None:
            self._cipher.decrypt(row.sealed, _belongs_to(**_owner(row)))
        if row is None or sealed is None:
            connection.execute(sa.delete(_KEY_CHECK))
            _seal_key_check(connection, self._cipher)

    def _generation(self, connection: sa.Connection, identity: str) -> int:
        """The number of an identity's templates that are right now; 0 of one never seen."""
        tag = self._cipher.tag(identity)
        its = sa.select(_GENERATIONS.c.sealed).where(_GENERATIONS.c.tag == tag)
        sealed = connection.scalar(its)
        return 0 if sealed is None else int(self._cipher.decrypt(sealed, tag.hex()))

    def _next_generation(self, connection: sa.Connection, identity: str) -> int:
        number = self._generation(connection, identity) + 1
        _seal_generation(connection, self._cipher, identity, number)
        return number

    def _read(
        self, made_by: ModelVersion, *conditions: sa.ColumnElement[bool], current: bool = False
    ) -> Templates:
        fits = _TEMPLATES.c.network == made_by.network
        if not made_by.network:
            fits &= _TEMPLATES.c.version == made_by.version
        query = (
            sa.select(_TEMPLATES.c.id, *_OWNER, _TEMPLATES.c.sealed)
            .where(_TEMPLATES.c.model == made_by.model, fits)
            .where(*conditions)
            .order_by(_TEMPLATES.c.id)
        )
        with self._reading() as connection:
            found = connection.execute(query).all()
            rows: list[tuple[int, str, bytes]] = [
                (row.id, row.identity, self._cipher.decrypt(row.sealed, _belongs_to(**_owner(row))))
                for row in found
            ]
            people = {row.identity for row in found} if current else set()
            right = {identity: self._generation(connection, identity) for identity in people}
        if any(row.generation != right[row.identity] for row in found if current):
            raise TemplateKeyError(
                "a template does not open: it is not of the last enrolment, and was put back; "
                "forget the ID and enroll again"
            )
        opened = [content for _, _, content in rows]
        # Writable, for a gallery to strike out what goes.
        flat = np.frombuffer(bytearray().join(opened), dtype="<f4").astype(np.float32, copy=False)
        return Templates(
            np.array([number for number, _, _ in rows], np.int64),
            [identity for _, identity, _ in rows],
            flat.reshape(len(opened), -1) if opened else np.zeros((0, 0), np.float32),
        )


_INSERT = sa.insert(_TEMPLATES).returning(_TEMPLATES.c.id)
_MADE_BY = (_TEMPLATES.c.model, _TEMPLATES.c.version, _TEMPLATES.c.network)
_OWNER = (_TEMPLATES.c.identity, *_MADE_BY, _TEMPLATES.c.generation)


def _owner(row: Any) -> dict[str, Any]:
    return {column.name: getattr(row, column.name) for column in _OWNER}


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except sa.exc.SQLAlchemyError as error:
        # Without its parameters, and without the error as the cause: they are about people.
        raise StoreError(
            f"the template store cannot be read or written: {_cause(error)}; look whether it can "
            "be written, and whether another program holds it locked"
        ) from None


def _cause(error: Exception) -> str:
    """What the database says, without the statement and its parameters."""
    return str(getattr(error, "orig", None) or error).splitlines()[0]


def _erase_what_is_deleted(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA secure_delete = ON")


def _add_columns(engine: sa.Engine) -> None:
    """Adds the columns that a store of an earlier release does not have."""
    known = {column["name"] for column in sa.inspect(engine).get_columns(_TEMPLATES.name)}
    missing = [column for column in _TEMPLATES.columns if column.name not in known]
    if not missing:
        return
    with engine.begin() as connection:
        for column in missing:
            kind = column.type.compile(engine.dialect)
            default = column.server_default.arg  # type: ignore[union-attr]
            connection.exec_driver_sql(
                f"ALTER TABLE {_TEMPLATES.name} ADD COLUMN {column.name} {kind} NOT NULL "
                f"DEFAULT '{default}'"
            )
    if engine.dialect.name == "sqlite":
        # What was deleted before then is still in there.
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM")


def _seal_generation(
    connection: sa.Connection, cipher: TemplateCipher, identity: str, number: int
) -> None:
    tag = cipher.tag(identity)
    connection.execute(sa.delete(_GENERATIONS).where(_GENERATIONS.c.tag == tag))
    sealed = cipher.encrypt(str(number).encode(), tag.hex())
    connection.execute(sa.insert(_GENERATIONS).values(tag=tag, sealed=sealed))


def _seal_key_check(connection: sa.Connection, cipher: TemplateCipher) -> None:
    connection.execute(sa.insert(_KEY_CHECK).values(sealed=cipher.encrypt(b"", _KEY_TEXT)))


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


def _belongs_to(identity: str, model: str, version: int, network: str, generation: int) -> str:
    # The lengths keep two different owners from giving one text.
    owner = f"{len(identity)}:{identity}{len(model)}:{model}{version}"
    # As it was before there were generations.
    return f"{owner}:{network}:{generation}" if generation else owner


def _is_a_path(database: str | None) -> bool:
    return bool(database) and database != ":memory:" and not str(database).startswith("file:")


def _make_private(path: Path) -> None:
    """Makes it a file that nobody else may read, whatever the umask."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)


def _shown(url: str) -> str:
    """Returns a URL without its password."""
    try:
        return sa.make_url(url).render_as_string(hide_password=True)
    except sa.exc.ArgumentError:
        return "(not a URL)"
