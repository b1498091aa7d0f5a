"""Stands in for the ``tfx`` command: prints and records what its local runner does.

FAKE_TFX says how a run goes: fresh, cached, fails, unresolved, killed or hangs.
"""

import json
import os
import sys
import time
from pathlib import Path

MODE = os.environ["FAKE_TFX"]
METADATA = os.environ["FAKE_METADATA"]
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

    def record(self, node: str, state: str, outputs: dict[str, tuple[str, dict]]) -> None:
        execution_type = self.store.put_execution_type(self.protos.ExecutionType(name=node))
        execution = self.protos.Execution(type_id=execution_type, last_known_state=STATES[state])
        [execution_id] = self.store.put_executions([execution])
        associations = [
            self.protos.Association(execution_id=execution_id, context_id=context)
            for context in (self.run, self.context("node", f"fake.{node}"))
        ]
        self.store.put_attributions_and_associations([], associations)
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


def log(text: str) -> None:
    print(f"INFO:absl:{text}", file=sys.stderr, flush=True)


def run() -> None:
    if os.environ.get("FAKE_PRINT_ENV"):
        print(f"config {os.environ['FACEAUTH_CONFIG']} epochs {os.environ['FACEAUTH__A__B']}")
    root = Path(METADATA).parent
    done = "cached" if MODE == "cached" else "complete"
    recorder = Recorder()
    log("Component Trainer is running.")
    log("[Trainer] Resolved inputs: ({},)")
    if MODE == "killed":
        print("the last words", flush=True)
        os.kill(os.getpid(), 9)
    if MODE == "hangs":
        print("faceauth-progress: epoch 1/2 loss 0.50", flush=True)
        time.sleep(60)
    if MODE == "unresolved":
        recorder.record("Trainer", "failed", {})
        log("[Trainer] Input resolution error: no examples")
        log("Component Trainer is finished.")
        return
    if MODE == "cached":
        log("A cached execution 3 is used.")
    else:
        print("faceauth-progress: epoch 1/2 loss 0.50", flush=True)
    trainer = {"Model": (f"{root}/model/1", {}), "ModelRun": (f"{root}/model_run/1", {})}
    recorder.record("Trainer", done, trainer)
    log("Component Trainer is finished.")
    log("Component Pusher is running.")
    if MODE == "fails":
        recorder.record("Pusher", "failed", {})
        raise OSError("no room on the disk\nfree some")
    pushed = {"pushed": 1, "pushed_destination": f"{root}/serving/17"}
    recorder.record("Pusher", done, {"PushedModel": (f"{root}/pushed/2", pushed)})
    if MODE == "cached":
        log("A cached execution 4 is used.")
    log("Component Pusher is finished.")


if __name__ == "__main__":
    print("CLI")
    if sys.argv[1:3] in (["pipeline", "create"], ["pipeline", "update"]):
        create(sys.argv[4].removeprefix("--pipeline_path="))
    elif sys.argv[1:] == ["run", "create", "--engine=local", "--pipeline_name=fake"]:
        run()
    else:
        sys.exit(f"unexpected arguments {sys.argv[1:]}")
