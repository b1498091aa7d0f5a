import numpy as np
import pytest

from components.pair_scorer.table import EmbeddingTable, write_chunk


def chunks(folder, *parts):
    """Chunks of (ids, two-number embeddings of one model)."""
    return [
        write_chunk(
            f"{folder}/deep/{number}",
            np.array(ids, np.bytes_),
            [np.array(embeddings, np.float32).reshape(len(ids), 2)],
        )
        for number, (ids, embeddings) in enumerate(parts)
    ]


def test_images_are_sorted_and_found(tmp_path):
    # The ids of the chunks differ in width.
    parts = chunks(tmp_path, (["d", "bbb"], [[4, 0], [2, 1]]), (["c"], [[3, 2]]))
    table = EmbeddingTable.from_chunks(parts)
    assert table.ids.tolist() == [b"bbb", b"c", b"d"]
    assert table.embeddings[0].dtype == np.float32
    assert table.embeddings[0].tolist() == [[2, 1], [3, 2], [4, 0]]
    rows = table.rows(np.array([b"d", b"bbb", b"d"]))
    assert rows.tolist() == [2, 0, 2]
    assert table.embeddings[0][rows].tolist() == [[4, 0], [2, 1], [4, 0]]


def test_models_may_have_embeddings_of_different_sizes(tmp_path):
    ids = np.array([b"b", b"a"])
    models = [np.array([[2.0], [1.0]], np.float32), np.array([[4, 5, 6], [1, 2, 3]], np.float32)]
    chunk = write_chunk(f"{tmp_path}/0", ids, models)
    assert (chunk.images, chunk.sizes) == (2, (1, 3))
    table = EmbeddingTable.from_chunks([chunk])
    assert [model.tolist() for model in table.embeddings] == [[[1], [2]], [[1, 2, 3], [4, 5, 6]]]


@pytest.mark.parametrize("name", [b"0", b"b", b"zz"])
def test_an_image_that_was_not_embedded_is_named(tmp_path, name):
    table = EmbeddingTable.from_chunks(chunks(tmp_path, (["a", "c"], [[1, 1], [2, 2]])))
    with pytest.raises(ValueError, match=f"names image '{name.decode()}'"):
        table.rows(np.array([b"a", name]))


def test_an_image_embedded_twice_is_named(tmp_path):
    parts = chunks(tmp_path, (["a", "b"], [[1, 1], [2, 2]]), (["b"], [[2, 2]]))
    with pytest.raises(ValueError, match="image 'b' is in the images twice"):
        EmbeddingTable.from_chunks(parts)


def test_no_images_at_all_is_an_error():
    with pytest.raises(ValueError, match="no image was embedded"):
        EmbeddingTable.from_chunks([])


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_an_embedding_that_is_no_number_is_refused_with_its_image(tmp_path, number):
    with pytest.raises(ValueError, match="embedding of image 'b' holds NaN or infinity"):
        chunks(tmp_path, (["a", "b"], [[1, 1], [2, number]]))
