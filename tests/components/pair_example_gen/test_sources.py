"""Folders and image lists, and what is said about broken ones."""

import errno
import os

import pytest

from components.pair_example_gen.config import DataConfig
from components.pair_example_gen.errors import DataError
from components.pair_example_gen.sources import Image, attribute_names, read_images


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "faces"
    folder.mkdir()
    return folder


def touch(root, *paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()


def listed(tmp_path, root, text, split="hash", encoding="utf-8"):
    path = tmp_path / "list.csv"
    path.write_text(text, encoding=encoding)
    return DataConfig(images=str(root), image_list=str(path), split=split)


def test_each_folder_is_an_identity(root):
    touch(root, "bob/2.PNG", "bob/1.jpg", "ann/deep/3.jpeg", "ann/notes.txt", ".git/x.jpg")
    table = read_images(DataConfig(images=str(root)))
    assert table.images == (
        Image("ann/deep/3.jpeg", "ann"),
        Image("bob/1.jpg", "bob"),
        Image("bob/2.PNG", "bob"),
    )
    assert table.ignored == 1
    assert table.attribute_names == ()


def test_a_person_in_several_spans_is_one_person(root):
    touch(root, "1/faces/ann/1.jpg", "2/faces/ann/1.jpg", "2/faces/bob/1.jpg", "3/faces/eve/1.jpg")
    touch(root, "2/notes/x.jpg")
    (root / "2/faces/bob/loop").symlink_to(root / "2/faces/bob", target_is_directory=True)
    config = DataConfig(images=str(root), spans=2, span_folders=("1/faces", "2/faces"))
    table = read_images(config)
    assert table.images == (
        Image("1/faces/ann/1.jpg", "ann"),
        Image("2/faces/ann/1.jpg", "ann"),
        Image("2/faces/bob/1.jpg", "bob"),
    )
    assert table.unusable == (("2/faces/bob/loop", "bob", "a link to a folder above it"),)
    touch(root, "1/faces/loose.jpg")
    with pytest.raises(DataError, match=r"1 images, the first of them '1/faces/loose.jpg', lie"):
        read_images(config)


def test_a_list_of_all_spans_gives_the_images_of_those_wanted(tmp_path, root):
    text = "image,identity,age\n1/a.jpg,ann,old\n2/b.jpg,bob,old\n10/c.jpg,eve,old\n"
    config = listed(tmp_path, root, text).model_copy(update={"span_folders": ("1", "2")})
    assert [image.image_id for image in read_images(config).images] == ["1/a.jpg", "2/b.jpg"]
    config = config.model_copy(update={"span_folders": ("3", "4"), "spans": 2})
    with pytest.raises(DataError, match=r"has no image below 3 or 4; with data.spans: 2, its"):
        read_images(config)


def test_links_to_folders_and_dangling_links_are_seen(tmp_path, root):
    touch(tmp_path, "elsewhere/1.jpg")
    (root / "ann").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (root / "bob").mkdir()
    (root / "bob" / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    images = read_images(DataConfig(images=str(root))).images
    assert [image.image_id for image in images] == ["ann/1.jpg", "bob/gone.jpg"]


def test_loose_images_are_an_error(root):
    touch(root, "b.jpg", "a.jpg", "ann/1.jpg")
    with pytest.raises(DataError, match=r"2 images, the first of them 'a.jpg', lie directly in"):
        read_images(DataConfig(images=str(root)))


def test_no_images_are_an_error(root):
    touch(root, "ann/notes.txt")
    with pytest.raises(DataError, match=r"no images below .*faces \(1 other files\)"):
        read_images(DataConfig(images=str(root)))


def test_a_root_that_is_no_folder_is_an_error():
    with pytest.raises(DataError, match="'no/such/folder', which is not a folder"):
        read_images(DataConfig(images="no/such/folder"))


def test_an_image_list_gives_identities_splits_and_attributes(tmp_path, root):
    lines = [
        "image,identity,split,age,glasses",
        "./b/1.jpg,Bob,train,40,",
        "",
        "a.jpg, Ann ,test,,no",
    ]
    text = "\r\n".join(lines)
    config = listed(tmp_path, root, text, split="given", encoding="utf-8-sig")
    table = read_images(config)
    assert attribute_names(config) == ["age", "glasses"]
    assert table.attribute_names == ("age", "glasses")
    assert table.images == (
        Image("b/1.jpg", "Bob", ("40", "unknown"), "train"),
        Image("a.jpg", "Ann", ("unknown", "no"), "test"),
    )


def test_a_folder_has_no_attributes(root):
    assert attribute_names(DataConfig(images=str(root))) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"no column 'image' and no column 'identity'"),
        ("image,name\na,b\n", r"list.csv: no column 'identity' in \['image', 'name'\]"),
        ("image,identity\n", r"has a header and no rows"),
        ("image,identity,width\na,b,1\n", r"list.csv, header: the column 'width' has the name"),
        ("image,identity,age,age\na,b,1,2\n", r"column 'age' appears twice"),
        ("image,identity,a/b\na,b,1\n", r"'a/b' cannot name a feature"),
        ("image,identity,\na,b,1\n", r"'' cannot name a feature"),
        ("image,identity\na.jpg,Ann\na.jpg,Ann\n", r"line 3: 'a.jpg' is listed already, in line 2"),
        ("image,identity\na.jpg,Ann,x\n", r"line 2: 3 values for the 2 columns"),
        ("image,identity\na.jpg,\n", r"line 2: 'a.jpg' has no identity"),
        ("image,identity\n../a.jpg,Ann\n", r"line 2: '../a.jpg' is no path below data.images"),
        ("image,identity\n/a.jpg,Ann\n", r"line 2: '/a.jpg' is no path below data.images"),
        ("image,identity\n,Ann\n", r"line 2: '' is no path below data.images"),
        ('image,identity\n"a"b.jpg,Ann\n', r"after line 1: .* expected"),
    ],
)
def test_broken_lists_are_errors(tmp_path, root, text, message):
    with pytest.raises(DataError, match=message):
        read_images(listed(tmp_path, root, text))


def test_a_list_in_another_encoding_is_an_error(tmp_path, root):
    config = listed(tmp_path, root, "image,identity\na.jpg,Müller\n", encoding="latin-1")
    with pytest.raises(
        DataError, match=r"list.csv, after line 0: .*utf-8.*; save it as CSV in UTF-8"
    ):
        read_images(config)


def test_a_missing_list_is_an_error(root):
    config = DataConfig(images=str(root), image_list="no/list.csv")
    with pytest.raises(DataError, match=r"'no/list.csv' cannot be read: No such file"):
        read_images(config)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image,identity\na.jpg,Ann\n", r"no column 'split', which data.split: given needs"),
        ("image,identity,split\na.jpg,Ann,dev\n", r"line 2: split 'dev'; give one of train, val"),
        ("image,identity,split\na.jpg,Ann,\n", r"line 2: split ''; give one of"),
    ],
)
def test_given_splits_must_be_there(tmp_path, root, text, message):
    with pytest.raises(DataError, match=message):
        read_images(listed(tmp_path, root, text, split="given"))


def test_a_split_column_is_no_matter_when_splits_are_hashed(tmp_path, root):
    table = read_images(listed(tmp_path, root, "image,identity,split\na.jpg,Ann,dev\n"))
    assert [image.identity for image in table.images] == ["Ann"]
    assert table.attribute_names == ()


def test_given_splits_need_a_list():
    with pytest.raises(ValueError, match="split is 'given' and there is no image_list"):
        DataConfig(images="faces", split="given")


def test_names_that_other_systems_make_are_handled_or_set_aside(root):
    names = [
        "Screenshot at 10.22.33\u202fAM.png",
        "\U0001f469\u200d\U0001f680.jpg",
        "two\nlines.jpg",
        "Icon\r",
    ]
    for name in names:
        touch(root, f"ann/{name}")
    with open(os.fsencode(root / "ann") + b"/caf\xe9.jpg", "wb"):
        pass
    (root / "ann" / "self.jpg").symlink_to("self.jpg")
    touch(root, "bob/1.jpg")
    (root / "bob" / "loop").symlink_to(root, target_is_directory=True)
    table = read_images(DataConfig(images=str(root)))
    found = [image.image_id for image in table.images]
    # Icon\r, a Mac's picture of a folder, has no image's suffix.
    assert found == sorted([*(f"ann/{name}" for name in names[:3]), "ann/self.jpg", "bob/1.jpg"])
    assert table.ignored == 1
    assert table.unusable == (
        (r"ann/caf\udce9.jpg", "ann", "its name is no text (UTF-8)"),
        ("bob/loop", "bob", "a link to a folder above it"),
    )


def test_a_folder_that_may_not_be_read_is_set_aside(root, monkeypatch):
    touch(root, "ann/1.jpg", "bob/2.jpg")
    scandir = os.scandir

    def refused(folder):
        if str(folder).endswith("bob"):
            raise PermissionError(errno.EACCES, "Permission denied", folder)
        return scandir(folder)

    # Root may read everything, and tests may run as root.
    monkeypatch.setattr(os, "scandir", refused)
    table = read_images(DataConfig(images=str(root)))
    assert [image.image_id for image in table.images] == ["ann/1.jpg"]
    assert table.unusable == (("bob", "bob", "a folder that may not be read"),)


@pytest.mark.parametrize("twin", ["Zoe\u0308", "Zo\u00eb\u200b", "\u200eZo\u00eb"])
def test_twins_of_a_name_are_told_apart_by_nobody(tmp_path, root, twin):
    touch(root, "Zo\u00eb/1.jpg", f"{twin}/2.jpg")
    with pytest.raises(DataError, match="two spellings of one name") as caught:
        read_images(DataConfig(images=str(root)))
    assert ascii("Zo\u00eb") in str(caught.value)
    assert ascii(twin) in str(caught.value)
    # In a list they are one name, as it is written first.
    text = f"image,identity\na.jpg,Zo\u00eb\nb.jpg,{twin}\n"
    table = read_images(listed(tmp_path, root, text))
    assert [image.identity for image in table.images] == ["Zo\u00eb", "Zo\u00eb"]
