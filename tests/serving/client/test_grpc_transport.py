"""The gRPC transport, with what a channel may answer."""

import pytest

from serving.client.calls import Call
from serving.client.endpoint import Endpoint
from serving.client.errors import DeadlineError
from serving.client.grpc_transport import GrpcTransport


def test_an_answer_without_a_message_came_too_late():
    transport = GrpcTransport(Endpoint("grpc://localhost:1"))
    transport._predict = transport._status = lambda *_, **__: None
    with pytest.raises(DeadlineError, match="ended before its answer was read"):
        transport.predict(Call("embed", {}, 1), 1.0)
    with pytest.raises(DeadlineError, match="ended before its answer was read"):
        transport.status(1.0)
    transport.close()
