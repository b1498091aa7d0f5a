"""What REST and gRPC have in common: the check of a request, its answer, and the count of it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from serving.local_server.images import check_images
from serving.local_server.manager import ModelManager
from serving.local_server.metrics import Metrics
from serving.local_server.options import Limits
from serving.local_server.servable import Servable
from serving.local_server.status import Code, StatusError
from serving.local_server.tensors import IMAGE_PREFIX, Signature, Tensors, check_inputs


class Service:
    """Answers predict requests.

    Args:
        manager: Knows the models.
        limits: What a request may cost.
        metrics: Where requests are counted.
    """

    def __init__(self, manager: ModelManager, limits: Limits, metrics: Metrics) -> None:
        self.manager = manager
        self.limits = limits
        self.metrics = metrics

    async def predict(self, servable: Servable, signature: Signature, inputs: Tensors) -> Tensors:
        """Checks and answers a request.

        A version that is unloaded after the caller's look-up still answers: it stays in memory for
        as long as a request holds it.

        Args:
            servable: What answers.
            signature: One of its signatures.
            inputs: The request's tensors.

        Returns:
            A tensor for each of the signature's outputs.

        Raises:
            StatusError: INVALID_ARGUMENT for what cannot be answered; RESOURCE_EXHAUSTED when too
                much waits; else what the model raises.
        """
        rows = check_inputs(signature, inputs)
        for name, array in inputs.items():
            if array.dtype == object and name.startswith(IMAGE_PREFIX):
                check_images(name, array.ravel(), self.limits.max_image_pixels)
        return await servable.batchers[signature.name].submit(inputs, rows)

    @contextmanager
    def counted(self, model: str, entrypoint: str) -> Iterator[None]:
        """Counts and times the request that is answered inside."""
        begin = time.perf_counter()
        code = Code.UNKNOWN
        try:
            yield
            code = Code.OK
        except StatusError as error:
            code = error.code
            raise
        finally:
            label = model if model in self.manager.names else ""
            self.metrics.request(label, code, entrypoint, time.perf_counter() - begin)
