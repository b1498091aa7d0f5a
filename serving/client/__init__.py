"""The Python client: verify, embed and compare over REST or gRPC, sync or async.

>>> with Client(Endpoint("http://127.0.0.1:8501")) as client:  # doctest: +SKIP
...     client.verify("a.jpg", "b.jpg").same
True
"""

from serving.client.calls import Comparison, ImageSource, OperatingPoint, VersionState
from serving.client.client import AsyncClient, Client
from serving.client.endpoint import Endpoint
from serving.client.errors import (
    AuthenticationError,
    ContractError,
    DeadlineError,
    InvalidRequestError,
    NotFoundError,
    OverloadedError,
    ServerError,
    ServingError,
    UnavailableError,
)
from serving.client.retry import RetryPolicy
from serving.client.search_space import SearchSpace

__all__ = [
    "AsyncClient",
    "AuthenticationError",
    "Client",
    "Comparison",
    "ContractError",
    "DeadlineError",
    "Endpoint",
    "ImageSource",
    "InvalidRequestError",
    "NotFoundError",
    "OperatingPoint",
    "OverloadedError",
    "RetryPolicy",
    "SearchSpace",
    "ServerError",
    "ServingError",
    "UnavailableError",
    "VersionState",
]
