"""What the report adds to TensorBoard, read back with TensorBoard's own code."""

from tensorboard.backend.event_processing import event_accumulator

from components.report import tensorboard_run


def test_whole_people_are_chosen_up_to_the_limit():
    identities = {f"{person}/{i}".encode(): person.encode() for person in "abcd" for i in range(5)}
    chosen = tensorboard_run.choose_images(identities, 12, seed=0)
    assert len(chosen) == 10
    people = [identities[each] for each in chosen]
    assert people[:5] == [people[0]] * 5
    assert people[5:] == [people[5]] * 5
    assert people[0] != people[5]
    assert tensorboard_run.choose_images(identities, 12, seed=0) == chosen
    assert len(tensorboard_run.choose_images(identities, 100, seed=0)) == 20
    assert tensorboard_run.choose_images(identities, 0, seed=0) == []


def test_scalars_make_a_run(tmp_path):
    tensorboard_run.write_scalars(tmp_path, {"accuracy": 0.75}, {"blessed": True})
    found = event_accumulator.EventAccumulator(str(tmp_path)).Reload()
    assert found.Tags()["tensors"] == ["test/accuracy", "test/verdict"]
