"""What the server counts, under the names TensorFlow Serving uses, for Prometheus."""

from collections.abc import Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from serving.local_server.status import Code

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_PREFIX: Final = ":tensorflow:serving:"
# Microseconds: 0.5 ms to about a minute.
_LATENCY_BUCKETS: Final = tuple(500.0 * 2**power for power in range(18))
_ROW_BUCKETS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """The server's counters. Each server has its own, so several can live in one process."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            f"{_PREFIX}request_count",
            "Requests by model and outcome.",
            ("model_name", "status"),
            registry=self._registry,
        )
        self._latency = Histogram(
            f"{_PREFIX}request_latency",
            "Microseconds from a request's arrival to its answer.",
            ("model_name", "API", "entrypoint"),
            buckets=_LATENCY_BUCKETS,
            registry=self._registry,
        )
        self._batch_rows = Histogram(
            f"{_PREFIX}batching_session:processed_batch_size",
            "Rows in one call of the model.",
            ("model_name",),
            buckets=_ROW_BUCKETS,
            registry=self._registry,
        )
        self._versions = Gauge(
            f"{_PREFIX}available_versions",
            "Versions that answer requests.",
            ("model_name",),
            registry=self._registry,
        )

    def request(self, model: str, code: Code, entrypoint: str, seconds: float) -> None:
        """Counts an answered request. ``model`` is empty when no such model is served, so that a
        client cannot make up label values."""
        self._requests.labels(model, code.name).inc()
        self._latency.labels(model, "Predict", entrypoint).observe(seconds * 1e6)

    def batch(self, model: str, rows: int) -> None:
        """Counts a call of the model."""
        self._batch_rows.labels(model).observe(rows)

    def available(self, model: str, versions: int) -> None:
        """Notes how many versions of a model answer requests."""
        self._versions.labels(model).set(versions)

    def text(self) -> bytes:
        """Returns all values in Prometheus' text format."""
        registry = CollectorRegistry()
        registry.register(_TfServingNames(self._registry))
        return generate_latest(registry)


class _TfServingNames(Collector):
    """Counters without ``_total``: TensorFlow Serving's dashboards know them by that name."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        for metric in self._registry.collect():
            if metric.type != "counter":
                yield metric
                continue
            renamed = Metric(metric.name, metric.documentation, "unknown")
            renamed.samples = [
                Sample(metric.name, sample.labels, sample.value)
                for sample in metric.samples
                if sample.name.endswith("_total")
            ]
            yield renamed
