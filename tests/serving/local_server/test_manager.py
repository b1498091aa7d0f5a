import asyncio

import pytest
from tensorflow_serving.apis.get_model_status_pb2 import ModelVersionStatus
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from serving.local_server.manager import ModelManager, wanted_versions
from serving.local_server.status import Code, StatusError


class FakeServable:
    def __init__(self, version):
        self.version = version
        self.drained = False

    async def drain(self):
        self.drained = True


class Loader:
    """Loads a folder unless its file says broken; notes what happens in which order."""

    def __init__(self):
        self.events = []
        self.loaded = {}

    def __call__(self, name, version, folder):
        self.events.append(f"load {version}")
        if (folder / "saved_model.pb").read_text() == "broken":
            raise ValueError("bad magic")
        self.loaded[version] = FakeServable(version)
        return self.loaded[version]

    def changed(self, name, versions):
        self.events.append(f"{name} {list(versions)}")


def config_for(base, latest=None, labels=None, name="m"):
    config = ModelServerConfig()
    model = config.model_config_list.config.add(name=name, base_path=str(base))
    if latest:
        model.model_version_policy.latest.num_versions = latest
    for label, version in (labels or {}).items():
        model.version_labels[label] = version
    return config


def push(base, version, content="good"):
    (base / str(version)).mkdir(parents=True, exist_ok=True)
    (base / str(version) / "saved_model.pb").write_text(content)


def manager_for(config):
    loader = Loader()
    return ModelManager(config, loader, loader.changed), loader


def states(manager):
    return {one.version: ModelVersionStatus.State.Name(one.state) for one in manager.status("m")}


def test_a_new_version_is_loaded_before_the_old_one_goes(tmp_path):
    push(tmp_path, 1)

    async def scenario():
        manager, loader = manager_for(config_for(tmp_path))
        await manager.poll()
        push(tmp_path, 2)
        await manager.poll()
        assert loader.events == ["load 1", "m [1]", "load 2", "m [1, 2]", "m [2]"]
        assert loader.loaded[1].drained
        assert manager.resolve("m").version == 2
        assert states(manager) == {1: "END", 2: "AVAILABLE"}

    asyncio.run(scenario())


def test_a_version_that_does_not_load_takes_nothing_away(tmp_path):
    push(tmp_path, 1)

    async def scenario():
        manager, loader = manager_for(config_for(tmp_path))
        await manager.poll()
        push(tmp_path, 2, "broken")
        await manager.poll()
        await manager.poll()
        assert loader.events.count("load 2") == 1  # not tried again while it looks the same
        assert manager.resolve("m").version == 1
        failed = manager.status("m", 2)[0]
        assert failed.state == ModelVersionStatus.END
        assert failed.code is Code.UNKNOWN
        assert "bad magic" in failed.message
        assert manager.ready()
        push(tmp_path, 2, "mended")
        await manager.poll()
        assert manager.resolve("m").version == 2

    asyncio.run(scenario())


def test_with_two_versions_both_stay_while_a_third_does_not_load(tmp_path):
    for version, content in ((1, "good"), (2, "good")):
        push(tmp_path, version, content)

    async def scenario():
        manager, _ = manager_for(config_for(tmp_path, latest=2))
        await manager.poll()
        push(tmp_path, 3, "broken")
        await manager.poll()
        assert states(manager) == {1: "AVAILABLE", 2: "AVAILABLE", 3: "END"}

    asyncio.run(scenario())


def test_removing_the_newest_folder_goes_back_to_the_one_before(tmp_path):
    push(tmp_path, 1)
    push(tmp_path, 2)

    async def scenario():
        manager, _ = manager_for(config_for(tmp_path, latest=2))
        await manager.poll()
        (tmp_path / "2").rename(tmp_path / "taken-away")
        await manager.poll()
        assert manager.resolve("m").version == 1
        (tmp_path / "1").rename(tmp_path / "gone-too")
        await manager.poll()
        # An empty folder is more likely a mistake than a wish to serve nothing.
        assert manager.resolve("m").version == 1

    asyncio.run(scenario())


def test_labels_name_versions(tmp_path):
    push(tmp_path, 1)
    push(tmp_path, 2)

    async def scenario():
        labels = {"stable": 1, "canary": 2, "later": 3}
        manager, _ = manager_for(config_for(tmp_path, 2, labels))
        await manager.poll()
        assert manager.resolve("m", label="stable").version == 1
        assert manager.resolve("m", label="canary").version == 2
        assert manager.resolve("m").version == 2
        with pytest.raises(StatusError, match=r"Specific\(m, 3\)") as caught:
            manager.resolve("m", label="later")
        assert caught.value.code is Code.NOT_FOUND
        with pytest.raises(StatusError, match="Unrecognized") as caught:
            manager.resolve("m", label="none")
        assert caught.value.code is Code.INVALID_ARGUMENT

    asyncio.run(scenario())


def test_a_new_config_moves_labels_and_refuses_what_is_not_loaded(tmp_path):
    push(tmp_path, 1)
    push(tmp_path, 2)

    async def scenario():
        manager, _ = manager_for(config_for(tmp_path, 2, {"stable": 1}))
        await manager.poll()
        await manager.apply(config_for(tmp_path, 2, {"stable": 2}))
        assert manager.resolve("m", label="stable").version == 2
        with pytest.raises(StatusError, match="not loaded") as caught:
            await manager.apply(config_for(tmp_path, 2, {"stable": 9}))
        assert caught.value.code is Code.FAILED_PRECONDITION
        assert manager.resolve("m", label="stable").version == 2

    asyncio.run(scenario())


def test_a_new_config_adds_and_removes_models(tmp_path):
    push(tmp_path / "a", 1)
    push(tmp_path / "b", 5)

    async def scenario():
        manager, loader = manager_for(config_for(tmp_path / "a", name="a"))
        await manager.poll()
        await manager.apply(config_for(tmp_path / "b", name="b"))
        assert manager.names == ["b"]
        assert manager.resolve("b").version == 5
        assert loader.loaded[1].drained
        with pytest.raises(StatusError, match="Served: b"):
            manager.resolve("a")

    asyncio.run(scenario())


def test_a_config_that_cannot_be_served_changes_nothing(tmp_path):
    push(tmp_path, 1)

    async def scenario():
        manager, _ = manager_for(config_for(tmp_path))
        await manager.poll()
        for bad in (config_for(tmp_path, name=""), config_for("", name="x")):
            with pytest.raises(StatusError):
                await manager.apply(bad)
        assert manager.names == ["m"]
        assert manager.resolve("m").version == 1

    asyncio.run(scenario())


def test_a_missing_folder_is_waited_for(tmp_path):
    async def scenario():
        manager, _ = manager_for(config_for(tmp_path / "later"))
        await manager.poll()
        assert not manager.ready()
        with pytest.raises(StatusError) as caught:
            manager.status("m")
        assert caught.value.code is Code.NOT_FOUND
        push(tmp_path / "later", 7)
        await manager.poll()
        assert manager.ready()

    asyncio.run(scenario())


def test_policies_and_names_of_versions(tmp_path):
    for name in ("1", "2", "10", "007", "pushing-11", "1.5"):
        (tmp_path / name).mkdir()
    (tmp_path / "12").write_text("a file")
    policy = config_for(tmp_path).model_config_list.config[0].model_version_policy
    assert wanted_versions(tmp_path, policy) == [10]
    policy.latest.num_versions = 2
    assert wanted_versions(tmp_path, policy) == [2, 10]
    policy.specific.versions.extend([1, 99])
    assert wanted_versions(tmp_path, policy) == [1]
    policy.all.SetInParent()
    assert wanted_versions(tmp_path, policy) == [1, 2, 10]
