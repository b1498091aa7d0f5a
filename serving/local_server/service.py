"""What REST and gRPC have in common: from a decoded request to its answer, and the count of it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from serving.local_server.images import check_images
from serving.local_server.manager import ModelManager
from serving.local_server.metrics import Metrics
from serving.local_server.options import Limits
from serving.local_server.servable import Servable
from serving.local_server.status import Code, StatusError
from serving.local_server.tensors import Signature, Tensors, check_inputs

# The contract's inputs of files are named image, image_a and image_b.
_IMAGE_PREFIX = "image"


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

    async def predict(
        self,
        servable: Servable,
        signature: Signature,
        decode: Callable[[Signature], Tensors],
    ) -> Tensors:
        """Decodes, checks and answers a request.

        There is no ``await`` between the caller's look-up of ``servable`` and its taking the
        request, so a version that is being unloaded answers all it was asked.

        Args:
            servable: What answers.
            signature: One of its signatures.
            decode: Makes tensors of the request.

        Raises:
            StatusError: INVALID_ARGUMENT for what cannot be answered; RESOURCE_EXHAUSTED.
        """
        inputs = decode(signature)
        rows = check_inputs(signature, inputs)
        for name, array in inputs.items():
            if array.dtype == object and name.startswith(_IMAGE_PREFIX):
                check_images(name, array.ravel(), self.limits.max_image_pixels)
        return await servable.predict(signature, inputs, rows)

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
