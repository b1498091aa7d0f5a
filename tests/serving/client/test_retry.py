import asyncio

import pytest

from serving.client.errors import (
    DeadlineError,
    InvalidRequestError,
    OverloadedError,
    ServingError,
    UnavailableError,
    error_for,
    error_for_http,
)
from serving.client.retry import RetryPolicy, retrying, retrying_async

# No jitter: every pause is as long as it may be.
POLICY = RetryPolicy(attempts=4, first_delay_s=0.1, max_delay_s=0.3, random=lambda: 1.0)


def unavailable():
    return UnavailableError("http://x", "UNAVAILABLE", "away")


class Server:
    def __init__(self, *errors):
        self.errors = list(errors)
        self.calls = 0

    def __call__(self, left_s):
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


def test_pauses_double_up_to_the_longest():
    pauses = []
    server = Server(unavailable(), unavailable(), unavailable())
    assert retrying(POLICY, 10, "http://x", server, pauses.append) == "answer"
    assert pauses == [0.1, 0.2, 0.3]
    assert server.calls == 4


def test_the_last_error_is_raised_when_all_attempts_fail():
    server = Server(*(unavailable() for _ in range(9)))
    with pytest.raises(UnavailableError, match="away"):
        retrying(POLICY, 10, "http://x", server, lambda s: None)
    assert server.calls == 4


def test_what_cannot_pass_by_itself_is_not_tried_again():
    for error in (
        InvalidRequestError("http://x", "INVALID_ARGUMENT", "no"),
        DeadlineError("http://x", "DEADLINE_EXCEEDED", "late"),
    ):
        server = Server(error)
        with pytest.raises(type(error)):
            retrying(POLICY, 10, "http://x", server, lambda s: None)
        assert server.calls == 1


def test_no_pause_goes_past_the_deadline():
    server = Server(OverloadedError("http://x", "RESOURCE_EXHAUSTED", "full"))
    with pytest.raises(OverloadedError):
        retrying(POLICY, 0.05, "http://x", server, lambda s: None)
    assert server.calls == 1


def test_the_async_form_does_the_same():
    pauses = []
    server = Server(unavailable(), unavailable())

    async def call(left_s):
        return server(left_s)

    async def sleep(seconds):
        pauses.append(seconds)

    assert asyncio.run(retrying_async(POLICY, 10, "http://x", call, sleep)) == "answer"
    assert pauses == [0.1, 0.2]


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("INVALID_ARGUMENT", 400, "InvalidRequestError"),
        ("NOT_FOUND", 404, "NotFoundError"),
        ("RESOURCE_EXHAUSTED", 429, "OverloadedError"),
        ("UNAVAILABLE", 503, "UnavailableError"),
        ("DEADLINE_EXCEEDED", 504, "DeadlineError"),
        ("UNAUTHENTICATED", 401, "AuthenticationError"),
        ("INTERNAL", 500, "ServerError"),
    ],
)
def test_both_apis_raise_the_same_errors_with_endpoint_and_remedy(code, status, kind):
    for error in (error_for("http://x", code, "why"), error_for_http("http://x", status, "why")):
        assert type(error).__name__ == kind
        assert isinstance(error, ServingError)
        assert str(error).startswith(f"http://x: {code}: why")
        assert error.remedy in str(error)
