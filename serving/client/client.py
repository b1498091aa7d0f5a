"""The clients: one interface over REST and gRPC, once sync and once async."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from serving.client.calls import (
    Call,
    Comparison,
    ImageSource,
    OperatingPoint,
    Tensors,
    VersionState,
    answering_version,
    canvas,
    canvas_call,
    compare_calls,
    comparisons,
    embed_calls,
    embeddings,
    lacks_signature,
    network,
    operating_point,
    operating_point_call,
    search_space,
    search_space_calls,
    verify_calls,
)
from serving.client.endpoint import Endpoint
from serving.client.errors import ServingError
from serving.client.retry import RetryPolicy, retrying, retrying_async
from serving.client.search_space import SearchSpace

if TYPE_CHECKING:
    from faces.canvas import FaceCanvas

T = TypeVar("T")
# What each version said, by its number; None is whichever answers.
Canvases = dict[int | None, "FaceCanvas | None"]


class Transport(Protocol):
    """Sends calls; raises ``ServingError`` and never retries."""

    def predict(self, call: Call, timeout_s: float) -> Tensors: ...

    def status(self, timeout_s: float) -> list[VersionState]: ...

    def close(self) -> None: ...


class AsyncTransport(Protocol):
    """``Transport`` with coroutines."""

    async def predict(self, call: Call, timeout_s: float) -> Tensors: ...

    async def status(self, timeout_s: float) -> list[VersionState]: ...

    async def close(self) -> None: ...


class Client:
    """Verifies, embeds and compares faces on a server. Calls may come from several threads.

    Images are JPEG or PNG files: their bytes, or a path. They are sent as they are, which is what a
    model sees; ``canvas`` says how it wants its faces, and ``serving.sent_photos`` makes them so.
    Every method raises ``ServingError``.

    Args:
        endpoint: The server and the model; its URL says REST or gRPC.
        retry: When to try again.
        transport: Another way to send calls than the URL's.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        retry: RetryPolicy | None = None,
        transport: Transport | None = None,
    ) -> None:
        self.endpoint = endpoint
        self._retry = retry or RetryPolicy()
        self._transport = transport or _transport(endpoint)
        self._canvases: Canvases = {}

    def verify(self, a: ImageSource, b: ImageSource) -> Comparison:
        """Returns whether two images show one person."""
        return self.verify_many([a], [b])[0]

    def verify_many(self, a: Sequence[ImageSource], b: Sequence[ImageSource]) -> list[Comparison]:
        """Returns, for each ``i``, whether ``a[i]`` and ``b[i]`` show one person.

        Raises:
            ValueError: There are not as many in ``b`` as in ``a``.
        """
        return [one for call in verify_calls(a, b) for one in self._comparisons(call)]

    def embed(self, images: Sequence[ImageSource]) -> np.ndarray:
        """Returns the embeddings of one or more images, float32 [N, D].

        Raises:
            ValueError: There is no image.
        """
        if not images:
            raise ValueError("there is no image to embed; give at least one")
        calls = embed_calls(images)
        return np.concatenate(
            [embeddings(self.endpoint.url, call, self._predict(call)) for call in calls]
        )

    def compare(self, a: ArrayLike, b: ArrayLike) -> list[Comparison]:
        """Returns, for each ``i``, whether the embeddings ``a[i]`` and ``b[i]`` are one person's.

        Args:
            a: float [N, D], or [D] for one.
            b: The same shape.

        Raises:
            ValueError: They are not of one such shape, or hold NaN or infinity.
        """
        return [one for call in compare_calls(a, b) for one in self._comparisons(call)]

    def operating_point(self, max_fmr: float) -> OperatingPoint | None:
        """Returns from where on to accept with a false match rate of at most ``max_fmr``, 0 to 1.

        None of a model without that signature, as earlier ones are.
        """
        call = operating_point_call(max_fmr)
        outputs = self._predict_if_known(call)
        return None if outputs is None else operating_point(self.endpoint.url, call, outputs)

    def search_space(self, size: int) -> SearchSpace | None:
        """Returns where embeddings of ``size`` numbers lie so that products rank them.

        None of a model whose comparison is no product, and of earlier ones.
        """
        calls = search_space_calls(size)
        answers: list[Tensors] = []
        for call in calls:
            outputs = self._predict_if_known(call)
            if outputs is None:
                return None
            answers.append(outputs)
        return search_space(self.endpoint.url, calls, answers)

    def canvas(self) -> "FaceCanvas | None":
        """Returns how the model wants its faces; None for one that takes photos as they are.

        Asked once; of a ``pinned`` client, once for its version.
        """
        version = self.endpoint.version
        if version not in self._canvases:
            call = canvas_call()
            outputs = self._predict_if_known(call)
            said = None if outputs is None else canvas(self.endpoint.url, call, outputs)
            self._canvases[version] = said
        return self._canvases[version]

    def network(self) -> str | None:
        """Returns the digest of the network that answers; None of a model that does not say.

        Asked each time: the number of a version does not tell what is behind it.
        """
        call = canvas_call()
        outputs = self._predict_if_known(call)
        return None if outputs is None else network(self.endpoint.url, call, outputs)

    def status(self) -> list[VersionState]:
        """Returns the versions of the model on the server, newest first."""
        states = self._call(self._transport.status)
        return sorted(states, key=lambda one: one.version, reverse=True)

    def version(self) -> int:
        """Returns which version answers this client now."""
        return answering_version(self.endpoint.url, self.status())

    def pinned(self) -> "Client":
        """Returns a client of the version that answers now, whatever is pushed meanwhile."""
        endpoint = replace(self.endpoint, version=self.version(), label=None)
        client = Client(endpoint, self._retry)
        client._canvases = self._canvases
        return client

    def close(self) -> None:
        """Closes the connections."""
        self._transport.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _comparisons(self, call: Call) -> list[Comparison]:
        return comparisons(self.endpoint.url, call, self._predict(call))

    def _predict_if_known(self, call: Call) -> Tensors | None:
        """The answer, or None of a model that has no such signature."""
        try:
            return self._predict(call)
        except ServingError as error:
            if lacks_signature(error):
                return None
            raise

    def _predict(self, call: Call) -> Tensors:
        return self._call(lambda left_s: self._transport.predict(call, left_s))

    def _call(self, send: Callable[[float], T]) -> T:
        return retrying(self._retry, self.endpoint.timeout_s, self.endpoint.url, send)


class AsyncClient:
    """``Client`` with coroutines: the same methods, arguments and errors."""

    def __init__(
        self,
        endpoint: Endpoint,
        retry: RetryPolicy | None = None,
        transport: AsyncTransport | None = None,
    ) -> None:
        self.endpoint = endpoint
        self._retry = retry or RetryPolicy()
        self._transport = transport or _async_transport(endpoint)
        self._canvases: Canvases = {}

    async def verify(self, a: ImageSource, b: ImageSource) -> Comparison:
        """See ``Client.verify``."""
        return (await self.verify_many([a], [b]))[0]

    async def verify_many(
        self, a: Sequence[ImageSource], b: Sequence[ImageSource]
    ) -> list[Comparison]:
        """See ``Client.verify_many``."""
        return [one for call in verify_calls(a, b) for one in await self._comparisons(call)]

    async def embed(self, images: Sequence[ImageSource]) -> np.ndarray:
        """See ``Client.embed``."""
        if not images:
            raise ValueError("there is no image to embed; give at least one")
        return np.concatenate(
            [
                embeddings(self.endpoint.url, call, await self._predict(call))
                for call in embed_calls(images)
            ]
        )

    async def compare(self, a: ArrayLike, b: ArrayLike) -> list[Comparison]:
        """See ``Client.compare``."""
        return [one for call in compare_calls(a, b) for one in await self._comparisons(call)]

    async def operating_point(self, max_fmr: float) -> OperatingPoint | None:
        """See ``Client.operating_point``."""
        call = operating_point_call(max_fmr)
        outputs = await self._predict_if_known(call)
        return None if outputs is None else operating_point(self.endpoint.url, call, outputs)

    async def search_space(self, size: int) -> SearchSpace | None:
        """See ``Client.search_space``."""
        calls = search_space_calls(size)
        answers: list[Tensors] = []
        for call in calls:
            outputs = await self._predict_if_known(call)
            if outputs is None:
                return None
            answers.append(outputs)
        return search_space(self.endpoint.url, calls, answers)

    async def canvas(self) -> "FaceCanvas | None":
        """See ``Client.canvas``."""
        version = self.endpoint.version
        if version not in self._canvases:
            call = canvas_call()
            outputs = await self._predict_if_known(call)
            said = None if outputs is None else canvas(self.endpoint.url, call, outputs)
            self._canvases[version] = said
        return self._canvases[version]

    async def status(self) -> list[VersionState]:
        """See ``Client.status``."""
        states = await self._call(self._transport.status)
        return sorted(states, key=lambda one: one.version, reverse=True)

    async def version(self) -> int:
        """See ``Client.version``."""
        return answering_version(self.endpoint.url, await self.status())

    async def pinned(self) -> "AsyncClient":
        """See ``Client.pinned``."""
        endpoint = replace(self.endpoint, version=await self.version(), label=None)
        client = AsyncClient(endpoint, self._retry)
        client._canvases = self._canvases
        return client

    async def close(self) -> None:
        """See ``Client.close``."""
        await self._transport.close()

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def _comparisons(self, call: Call) -> list[Comparison]:
        return comparisons(self.endpoint.url, call, await self._predict(call))

    async def _predict_if_known(self, call: Call) -> Tensors | None:
        """The answer, or None of a model that has no such signature."""
        try:
            return await self._predict(call)
        except ServingError as error:
            if lacks_signature(error):
                return None
            raise

    async def _predict(self, call: Call) -> Tensors:
        return await self._call(lambda left_s: self._transport.predict(call, left_s))

    async def _call(self, send: Callable[[float], Awaitable[T]]) -> T:
        return await retrying_async(self._retry, self.endpoint.timeout_s, self.endpoint.url, send)


# The gRPC stubs import TensorFlow; whoever uses REST must not wait for that.


def _transport(endpoint: Endpoint) -> Transport:
    if endpoint.is_grpc:
        from serving.client.grpc_transport import GrpcTransport

        return GrpcTransport(endpoint)
    from serving.client.rest import RestTransport

    return RestTransport(endpoint)


def _async_transport(endpoint: Endpoint) -> AsyncTransport:
    if endpoint.is_grpc:
        from serving.client.grpc_transport import AsyncGrpcTransport

        return AsyncGrpcTransport(endpoint)
    from serving.client.rest import AsyncRestTransport

    return AsyncRestTransport(endpoint)
