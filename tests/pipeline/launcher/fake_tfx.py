"""Stands in for the ``tfx`` command: records what its local runner does, and prints.

FAKE_TFX says how a run goes: fresh, cached, fails, unresolved, killed or hangs.
"""

import json
import os
import sys
import time
from pathlib import Path

MODE = os.environ["FAKE_TFX"]
METADATA = os.environ["FAKE_METADATA"]
RUNNING = 2
STATES = {"complete": 3, "failed": 4, "cached": 5}


def create(path: str) -> None:
    home = Path(os.environ["LOCAL_HOME"]) / "fake"
    home.mkdir(parents=True, exist_ok=True)
    known = {"pipeline_name": "fake", "pipeline_root": "unused", "pipeline_dsl_path": path}
    (home / "pipeline_args.json").write_text(json.dumps(known))
    print('Pipeline "fake" created successfully.')


class Recorder:
    def __init__(self) -> None:
        from ml_metadata import MetadataStore
        from ml_metadata.proto import metadata_store_pb2 as protos

        connection = protos.ConnectionConfig()
        connection.sqlite.filename_uri = METADATA
        connection.sqlite.connection_mode = 3
        self.protos, self.store = protos, MetadataStore(connection)
        self.run = self.context("pipeline_run", f"{time.time():.3f}")

    def context(self, type_name: str, name: str) -> int:
        type_id = self.store.put_context_type(self.protos.ContextType(name=type_name))
        known = self.store.get_context_by_type_and_name(type_name, name)
        if known is not None:
            return known.id
        return self.store.put_contexts([self.protos.Context(type_id=type_id, name=name)])[0]

    def begin(self, node: str) -> int:
        execution_type = self.store.put_execution_type(self.protos.ExecutionType(name=node))
        execution = self.protos.Execution(type_id=execution_type, last_known_state=RUNNING)
        [execution_id] = self.store.put_executions([execution])
        associations = [
            self.protos.Association(execution_id=execution_id, context_id=context)
            for context in (self.run, self.context("node", f"fake.{node}"))
        ]
        self.store.put_attributions_and_associations([], associations)
        return execution_id

    def end(self, execution_id: int, state: str, outputs: dict[str, tuple[str, dict]]) -> None:
        [execution] = self.store.get_executions_by_id([execution_id])
        execution.last_known_state = STATES[state]
        self.store.put_executions([execution])
        for type_name, (uri, properties) in outputs.items():
            type_id = self.store.put_artifact_type(self.protos.ArtifactType(name=type_name))
            artifact = self.protos.Artifact(type_id=type_id, uri=uri)
            for key, value in properties.items():
                kind = "int_value" if isinstance(value, int) else "string_value"
                setattr(artifact.custom_properties[key], kind, value)
            [artifact_id] = self.store.put_artifacts([artifact])
            event = self.protos.Event(
                artifact_id=artifact_id, execution_id=execution_id, type=self.protos.Event.OUTPUT
            )
            self.store.put_events([event])


def run() -> None:
    if os.environ.get("FAKE_PRINT_ENV"):
        print(f"config {os.environ['FACEAUTH_CONFIG']} epochs {os.environ['FACEAUTH__A__B']}")
    print("INFO:absl:Component Trainer is running.", file=sys.stderr, flush=True)
    root = Path(METADATA).parent
    done = "cached" if MODE == "cached" else "complete"
    recorder = Recorder()
    trainer = recorder.begin("Trainer")
    if MODE == "killed":
        print("the last words", flush=True)
        os.kill(os.getpid(), 9)
    if MODE == "unresolved":
        recorder.end(trainer, "failed", {})
        return
    if MODE != "cached":
        print("faceauth-progress: epoch 1/2 loss 0.50", flush=True)
    if MODE == "hangs":
        time.sleep(60)
    outputs = {"Model": (f"{root}/model/1", {}), "ModelRun": (f"{root}/model_run/1", {})}
    # Longer than between two looks at what the trainer says.
    time.sleep(0 if MODE == "cached" else 0.6)
    recorder.end(trainer, done, outputs)
    pusher = recorder.begin("Pusher")
    if MODE == "fails":
        recorder.end(pusher, "failed", {})
        raise OSError("no room on the disk\nfree some")
    pushed = {"pushed": 1, "pushed_destination": f"{root}/serving/17"}
    recorder.end(pusher, done, {"PushedModel": (f"{root}/pushed/2", pushed)})


if __name__ == "__main__":
    print("CLI")
    if sys.argv[1:3] in (["pipeline", "create"], ["pipeline", "update"]):
        create(sys.argv[4].removeprefix("--pipeline_path="))
    elif sys.argv[1:] == ["run", "create", "--engine=local", "--pipeline_name=fake"]:
        run()
    else:
        sys.exit(f"unexpected arguments {sys.argv[1:]}")
