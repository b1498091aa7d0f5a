"""Where the Beam stages of a run are worked on: the section ``beam`` of a config."""

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, model_validator

from components.local_beam import IN_PROCESS_RUNNER
from components.section import Section, is_text
from pipeline.buckets import gs_address

# Beam would otherwise build a source distribution of tfx for the workers, which have it.
_NOTHING_BUILT: Final = "--sdk_container_image=local"
_TAKEN_BY: Final = {
    "job_endpoint": ("flink", "spark"),
    "worker_pool": ("flink", "spark"),
    "image": ("flink", "spark", "dataflow"),
    "project": ("dataflow",),
    "region": ("dataflow",),
    "temp_location": ("dataflow",),
}
_WHAT_DATAFLOW_NEEDS: Final = {
    "project": "the Google Cloud project that pays",
    "region": "where it runs, such as europe-west4",
    "temp_location": "where it keeps its own files, gs://BUCKET/FOLDER",
    "image": "the container that workers are started from; make image builds one",
}


Address = Annotated[
    str, is_text(r"[^\s:/]+:\d+", "a host and a port, such as localhost:8099; give both")
]
Project = Annotated[
    str,
    is_text(
        r"[a-z][a-z0-9.:-]+",
        "the ID of a project of Google Cloud, such as my-project-42, which is in small letters; "
        "`gcloud projects list` shows yours",
    ),
]
Region = Annotated[
    str,
    is_text(
        r"[a-z]+-[a-z]+[0-9]+",
        "a region of Google Cloud, such as europe-west4; give that of the bucket, and no zone",
    ),
]


class BeamConfig(Section):
    """Where the Beam stages of a run (PairExampleGen, StatisticsGen, Transform, ValScorer,
    PairScorer, Evaluator) are worked on. A name instead of the section, such as `beam: flink`,
    takes the preset of that name from `pipeline/configs/beam/`.

    Workers of `flink` and `spark` need the folders of the data and of the runs under the same
    paths, or both at addresses; those of `dataflow` see addresses alone.
    """

    runner: Literal["direct", "flink", "spark", "dataflow"] = Field(
        "direct",
        description="`direct`: the component's own process, or processes that it starts. `flink`, "
        "`spark`: a cluster behind Beam's job server for it. `dataflow`: Google's service.",
    )
    workers: int | None = Field(
        None,
        ge=1,
        description="Of `direct`: processes; without, all is done in the component's own, which is "
        "fastest on one machine. Of `flink`: tasks at a time; without, what the cluster says. Of "
        "`dataflow`: the most machines; without, what the service takes.",
    )
    job_endpoint: Address | None = Field(None, description="Host and port of Beam's job server.")
    worker_pool: Address | None = Field(
        None,
        description="Host and port at which each machine of the cluster reaches its pool of Beam's "
        "workers: `python -m apache_beam.runners.worker.worker_pool_main --service_port=PORT`.",
    )
    image: str | None = Field(
        None,
        min_length=1,
        description="The container that workers are started from; `make image` builds one.",
    )
    project: Project | None = Field(None, description="Google Cloud's project, of `dataflow`.")
    region: Region | None = Field(
        None,
        description="Where `dataflow` runs, such as `europe-west4`: where the bucket is.",
    )
    temp_location: Annotated[str, AfterValidator(gs_address)] | None = Field(
        None,
        description="Where `dataflow` keeps its own files, `gs://BUCKET/FOLDER`.",
    )

    @model_validator(mode="after")
    def _runner_takes_them(self) -> "BeamConfig":
        for key, runners in _TAKEN_BY.items():
            if getattr(self, key) is not None and self.runner not in runners:
                raise ValueError(
                    f"runner {self.runner} takes no {key}, which is for {' and '.join(runners)}; "
                    "remove it, or set beam.runner"
                )
        if self.runner == "dataflow":
            for key, what in _WHAT_DATAFLOW_NEEDS.items():
                if getattr(self, key) is None:
                    raise ValueError(f"runner dataflow needs {key}: {what}")
            return self
        if self.runner == "direct":
            return self
        if self.job_endpoint is None:
            raise ValueError(
                f"runner {self.runner} needs job_endpoint: the address of Beam's job server, such "
                "as localhost:8099"
            )
        if (self.worker_pool is None) == (self.image is None):
            raise ValueError(
                f"runner {self.runner} needs worker_pool or image, and not both: a pool of workers "
                "that runs already, or the container to start them from"
            )
        if self.runner == "spark" and self.workers is not None:
            raise ValueError(
                "runner spark takes no workers: the master that its job server was given decides; "
                "remove it"
            )
        return self

    @property
    def arguments(self) -> list[str]:
        """The section as Beam's command-line arguments."""
        if self.runner == "direct":
            found = [f"--runner={IN_PROCESS_RUNNER}", _NOTHING_BUILT]
            if self.workers is not None:
                found += [
                    "--direct_running_mode=multi_processing",
                    f"--direct_num_workers={self.workers}",
                ]
            return found
        if self.runner == "dataflow":
            found = [
                "--runner=DataflowRunner",
                f"--project={self.project}",
                f"--region={self.region}",
                f"--temp_location={self.temp_location}",
                f"--sdk_container_image={self.image}",
            ]
            if self.workers is not None:
                found.append(f"--max_num_workers={self.workers}")
            return found
        found = ["--runner=PortableRunner", f"--job_endpoint={self.job_endpoint}"]
        if self.image is not None:
            found += [
                f"--sdk_container_image={self.image}",
                "--environment_type=DOCKER",
                f"--environment_config={self.image}",
            ]
        else:
            found += [
                _NOTHING_BUILT,
                "--environment_type=EXTERNAL",
                f"--environment_config={self.worker_pool}",
            ]
        if self.workers is not None:
            found.append(f"--parallelism={self.workers}")
        return found
