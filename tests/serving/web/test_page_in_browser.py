"""The page in a real headless browser: files, a fake webcam, the keyboard and a phone's screen.

A picture of every state is written to the folder that ``FACEAUTH_SCREENSHOTS`` names, to be looked
at; without it, to a temporary one.
"""

import base64
import io
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="no chromium and chromedriver (Debian: chromium-driver)"
)


def fake_video(path):
    """Writes a YUV4MPEG2 video of one still picture of 320 x 240 with edges."""
    random = np.random.default_rng(0)
    blocks = random.integers(16, 236, (12, 16), dtype=np.uint8)
    light = np.kron(blocks, np.ones((20, 20), np.uint8))
    grey = np.full((2, 120, 160), 128, np.uint8)
    frame = b"FRAME\n" + light.tobytes() + grey.tobytes()
    path.write_bytes(b"YUV4MPEG2 W320 H240 F10:1 Ip A1:1 C420jpeg\n" + frame * 10)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    folder = tmp_path_factory.mktemp("browser")
    fake_video(folder / "face.y4m")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in (
        "--headless=new",
        "--no-sandbox",  # a container's root has none
        "--disable-gpu",
        "--disable-dev-shm-usage",
        f"--user-data-dir={folder / 'profile'}",
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={folder / 'face.y4m'}",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


class Page:
    """What a person does on the page, and sees."""

    def __init__(self, browser, url, pictures):
        self.browser = browser
        self.pictures = pictures
        browser.get(url)

    def find(self, name):
        return self.browser.find_element(By.ID, name)

    def type_id(self, text):
        self.find("id").send_keys(text)

    def choose(self, which, *files):
        count = len(self.images(which))
        self.find(f"{which}-files").send_keys("\n".join(map(str, files)))
        most = 3 if which == "enroll" else 1
        self.wait(lambda: len(self.images(which)) == min(most, count + len(files)))

    def click(self, name):
        self.find(name).click()

    def images(self, which):
        return self.browser.find_elements(By.CSS_SELECTOR, f"#{which}-photos img")

    def message(self):
        return self.find("message").text

    def wait(self, condition):
        WebDriverWait(self.browser, 60).until(lambda _: condition())

    def says(self, text):
        self.wait(lambda: text in self.message())
        return self.message()

    def captions(self, which):
        figures = self.browser.find_elements(By.CSS_SELECTOR, f"#{which}-photos figcaption")
        return [figure.text for figure in figures]

    def picture(self, name):
        """Writes a picture of the whole page."""
        size = self.browser.execute_cdp_cmd("Page.getLayoutMetrics", {})["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        options = {"captureBeyondViewport": True, "clip": clip}
        shot = self.browser.execute_cdp_cmd("Page.captureScreenshot", options)
        (self.pictures / f"{name}.png").write_bytes(base64.b64decode(shot["data"]))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    named = os.environ.get("FACEAUTH_SCREENSHOTS")
    folder = Path(named) if named else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def opened(browser, pictures):
    """Opens the page at an address; at the end, nothing may have been blocked or have failed."""
    browser.set_window_size(1000, 900)
    yield lambda url: Page(browser, url, pictures)
    severe = [
        entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"
    ]
    assert [one for one in severe if "/api/" not in one] == []


@pytest.fixture
def page(opened, page_url):
    return opened(page_url)


@pytest.fixture
def face_page(opened, face_page_url):
    return opened(face_page_url)


@pytest.fixture
def rooms(tmp_path, face_in_room):
    """Files: a face at two places of a room, two faces, one far away, none, and in the dark."""
    left, right = face_in_room(40), face_in_room(330)
    face = left.crop((40, 100, 280, 340))
    wall = Image.new("RGB", (640, 480), (128, 128, 128))
    far, both = wall.copy(), left.copy()
    far.paste(face.resize((100, 100)), (300, 200))
    both.paste(face, (330, 100))
    made = {
        "left": left,
        "right": right,
        "both": both,
        "far": far,
        "none": Image.effect_noise((640, 480), 60).convert("RGB"),
        "dark": Image.new("RGB", (640, 480), (4, 4, 4)),
    }
    for name, image in made.items():
        image.save(tmp_path / f"{name}.png")
    return {name: tmp_path / f"{name}.png" for name in made}


@pytest.fixture
def photos(tmp_path, png, face):
    """Files: two people, and a photo that is too dark, too blurred, too small, or none."""
    files = {
        "ada": face(1),
        "bob": face(2),
        "small": png(3, side=40),
        "none": b"hello",
    }
    image = Image.open(io.BytesIO(face(4)))
    for name, changed in (
        ("dark", image.point(lambda value: value // 20)),
        ("blurred", image.filter(ImageFilter.GaussianBlur(15))),
    ):
        buffer = io.BytesIO()
        changed.save(buffer, "PNG")
        files[name] = buffer.getvalue()
    for name, content in files.items():
        (tmp_path / f"{name}.png").write_bytes(content)
    return {name: tmp_path / f"{name}.png" for name in files}


def phone(browser):
    size = {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def loaded(image):
    return image.get_property("naturalWidth") > 0


def test_with_files(page, photos):
    page.type_id("ada")
    page.choose("enroll", photos["ada"], photos["ada"])
    page.click("enroll")
    page.says("Enrolled with 2 photos.")
    page.choose("authenticate", photos["ada"])
    page.click("authenticate")
    accepted = page.says("Accepted")
    assert accepted.endswith("accepted from 0.5.")
    assert page.find("meter").is_displayed()
    # Both faces are on the screen.
    for which in ("enroll", "authenticate"):
        assert all(loaded(image) and image.is_displayed() for image in page.images(which))
    page.choose("authenticate", photos["bob"])
    page.click("authenticate")
    page.says("Rejected")
    assert float(page.find("meter").get_attribute("aria-valuenow")) < 0.5
    assert page.find("verdict").text == "Rejected"
    page.picture("rejected")
    page.click("forget")
    page.says("Forgotten")
    page.click("authenticate")
    page.says("Enrol first")


@pytest.mark.parametrize(
    ("name", "says"),
    [("dark", "too dark"), ("blurred", "too blurred"), ("small", "too small (40 x 40)")],
)
def test_an_unusable_photo_is_said_and_marked(page, photos, browser, name, says):
    page.type_id("ada")
    page.choose("enroll", photos["ada"], photos[name])
    page.click("enroll")
    page.says(says)
    figures = browser.find_elements(By.CSS_SELECTOR, "#enroll-photos figure")
    assert ["bad" in figure.get_attribute("class") for figure in figures] == [False, True]
    assert says in page.captions("enroll")[1]


def test_what_is_missing_is_said(page, photos):
    page.click("authenticate")
    page.says("Type an ID.")
    page.type_id("ada")
    page.click("authenticate")
    page.says("Add at least one photo.")
    page.find("enroll-files").send_keys(str(photos["none"]))
    page.says("none.png is not a photo")


def test_with_the_webcam(page):
    page.type_id("ada")
    for which, shots in (("enroll", 3), ("authenticate", 1)):
        page.click(f"{which}-camera")
        page.wait(page.find("shoot").is_enabled)
        assert page.find("video").get_property("videoWidth") == 320
        for count in range(shots):
            page.click("shoot")
            page.wait(lambda count=count, which=which: len(page.images(which)) == count + 1)
        page.wait(lambda: not page.find("camera").is_displayed())
        page.click(which)
        page.says("Enrolled with 3 photos." if which == "enroll" else "Accepted")


def test_with_the_keyboard_alone(page, photos, browser):
    def focused():
        return browser.switch_to.active_element.get_attribute("id")

    def press(*keys):
        # To the page, not to an element: a file input would take a key for a path.
        webdriver.ActionChains(browser).send_keys(*keys).perform()

    press(Keys.TAB)
    seen = []
    for _ in range(8):
        seen.append(focused())
        if focused() == "id":
            press("ada")
        elif focused() == "enroll-files":
            page.choose("enroll", photos["ada"])
        elif focused() == "authenticate-files":
            page.choose("authenticate", photos["ada"])
        elif focused() == "enroll":
            press(Keys.ENTER)
            page.says("Enrolled with 1 photo.")
        elif focused() == "authenticate":
            press(Keys.SPACE)
            page.says("Accepted")
            break
        press(Keys.TAB)
    assert seen == [
        "id",
        "enroll-files",
        "enroll-camera",
        "enroll-clear",
        "enroll",
        "authenticate-files",
        "authenticate-camera",
        "authenticate",
    ]


def test_what_was_found_is_drawn_and_the_faces_stand_side_by_side(face_page, rooms, browser):
    page = face_page
    page.picture("start")
    page.type_id("ada")
    page.choose("enroll", rooms["left"])
    page.wait(lambda: page.captions("enroll") == ["Good"])
    [box] = browser.find_elements(By.CSS_SELECTOR, "#enroll-photos rect")
    assert 40 < float(box.get_attribute("x")) < 160
    assert len(browser.find_elements(By.CSS_SELECTOR, "#enroll-photos circle")) == 5
    page.click("enroll")
    page.says("Enrolled with 1 photo.")
    page.picture("enrolled")
    page.choose("authenticate", rooms["right"])
    page.click("authenticate")
    page.says("Accepted")
    faces = browser.find_elements(By.CSS_SELECTOR, "#pair img")
    assert [face.get_property("naturalWidth") for face in faces] == [150, 150]
    assert page.find("verdict").text == "Accepted"
    assert "1 in 2,000" in page.find("strangers").text
    assert "51,284 couples of 411 people" in page.find("strangers").text
    page.picture("accepted")
    dark = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", dark)
    page.picture("accepted-dark")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    phone(browser)
    page.picture("accepted-phone")
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.parametrize(
    ("name", "caption", "says"),
    [
        ("none", "No face", "No face was found"),
        ("dark", "Dark", "too dark"),
        ("both", "Several faces", "There are 2 faces"),
    ],
)
def test_a_photo_that_is_not_good_enough_says_why(face_page, rooms, name, caption, says):
    page = face_page
    page.type_id("ada")
    page.choose("enroll", rooms["left"], rooms[name])
    page.wait(lambda: all(page.captions("enroll")))
    assert page.captions("enroll")[1].startswith(caption)
    page.click("enroll")
    page.says(says)
    page.picture(f"not-usable-{name}")


def test_the_camera_gives_advice(face_page, rooms, browser):
    """What the camera sees is drawn by the test."""
    page = face_page
    browser.execute_script(
        """
        const canvas = document.createElement("canvas");
        canvas.width = 640; canvas.height = 480;
        const context = canvas.getContext("2d");
        window.scene = new Image();
        setInterval(() => context.drawImage(window.scene, 0, 0, 640, 480), 50);
        navigator.mediaDevices.getUserMedia = async () => canvas.captureStream(20);
        """
    )

    def scene(name):
        url = "data:image/png;base64," + base64.b64encode(rooms[name].read_bytes()).decode()
        browser.execute_script("window.scene.src = arguments[0]", url)

    scene("none")
    page.click("authenticate-camera")
    for name, says in (
        ("none", "No face was found"),
        ("dark", "too dark"),
        ("far", "closer"),
        ("both", "There are 2 faces"),
        ("left", "Good. Hold still."),
    ):
        scene(name)
        page.wait(lambda says=says: says in page.find("guide").text)
        page.picture(f"camera-{name}")
    assert browser.find_elements(By.CSS_SELECTOR, "#video-marks rect")
    page.click("shoot")
    page.wait(lambda: page.captions("authenticate") == ["Good"])
    assert not page.find("camera").is_displayed()


def test_escape_closes_the_camera_and_gives_the_focus_back(page, browser):
    page.click("authenticate-camera")
    page.wait(page.find("shoot").is_enabled)
    page.find("shoot").send_keys(Keys.ESCAPE)
    page.wait(lambda: not page.find("camera").is_displayed())
    assert browser.switch_to.active_element.get_attribute("id") == "authenticate-camera"


def test_on_a_phone_nothing_is_cut_off_and_buttons_can_be_hit(page, photos, browser):
    phone(browser)
    try:
        page.choose("enroll", photos["ada"], photos["bob"], photos["ada"])
        width = browser.execute_script("return document.documentElement.scrollWidth")
        assert width == browser.execute_script("return window.innerWidth") == 360
        for button in browser.find_elements(By.TAG_NAME, "button"):
            if button.is_displayed():
                assert button.size["height"] >= 44
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
