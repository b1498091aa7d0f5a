"""The pages in a real headless browser, without a network: console, phone, dark mode, clicks."""

import shutil

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from components.report.model_card import model_card, model_card_page
from components.report.report_page import report_page
from components.report.tfma_page import tfma_page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER),
    reason="no chromium and chromedriver here; scripts/setup_test_tools.sh installs them",
)

PAGES = ("report", "model_card", "tfma")


def tfma_content():
    def metrics(accuracy, pairs):
        matrix = {"threshold": 0.5, "truePositives": 3.0, "trueNegatives": 4.0}
        return {
            "": {
                "": {
                    "accuracy": {"doubleValue": accuracy},
                    "example_count": {"doubleValue": pairs},
                    "confusion": {"confusionMatrixAtThresholds": {"matrices": [matrix]}},
                }
            }
        }

    return {
        "config": {"weightedExamplesColumn": "example_count"},
        "data": [
            {"slice": "Overall", "metrics": metrics(0.875, 100.0)},
            {"slice": "hair:dark", "metrics": metrics(0.75, 60.0)},
            {"slice": "hair:fair", "metrics": metrics(0.5, 40.0)},
        ],
    }


@pytest.fixture(scope="module")
def folder(small_run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    content = small_run.content()
    (folder / "report.html").write_text(report_page(content))
    card = model_card_page("small", model_card(content))
    (folder / "model_card.html").write_text(card)
    (folder / "tfma.html").write_text(tfma_page("TFMA: small", tfma_content()))
    return folder


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in (
        "--headless=new",
        "--no-sandbox",  # a container's root has none
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--host-resolver-rules=MAP * ~NOTFOUND",
        f"--user-data-dir={tmp_path_factory.mktemp('profile')}",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def show(browser, folder):
    """Opens a page as on a screen of some width, light or dark."""

    def show(name, width=1280, dark=False):
        mobile = width < 600
        browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": mobile},
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        for kind in ("browser", "performance"):
            browser.get_log(kind)  # Reading empties it.
        browser.get((folder / f"{name}.html").as_uri())
        if name == "tfma":
            WebDriverWait(browser, 30).until(lambda _: len(tfma_rows(browser)) == 4)

    return show


def tfma_rows(browser):
    """The texts of the rows of TFMA's table, which lies in one shadow tree inside another."""
    return browser.execute_script(
        """
        const found = [];
        const walk = (root) => root.querySelectorAll("*").forEach((element) => {
          if (element.matches(".google-visualization-table-table tr"))
            found.push([...element.cells].map((cell) => cell.textContent));
          if (element.shadowRoot) walk(element.shadowRoot);
        });
        walk(document);
        return found;
        """
    )


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("name", PAGES)
def test_opens_without_an_error_and_without_a_request(browser, show, name, width, dark):
    show(name, width, dark)
    assert browser.get_log("browser") == []
    requests = [
        entry["message"]
        for entry in browser.get_log("performance")
        if '"Network.requestWillBeSent"' in entry["message"]
    ]
    assert requests
    elsewhere = [each for each in requests if '"url":"http' in each or '"url":"//' in each]
    assert elsewhere == []
    # The page itself does not scroll sideways; its wide tables do.
    wide, screen = browser.execute_script(
        "return [document.documentElement.scrollWidth, window.innerWidth]"
    )
    assert wide <= screen == width


def test_dark_mode_is_dark(browser, show):
    for dark, name in ((False, "light"), (True, "dark")):
        show("report", dark=dark)
        text, background = (
            browser.execute_script(f"return getComputedStyle(document.body).{key}")
            for key in ("color", "backgroundColor")
        )
        bright = [int(part) for part in background[4:-1].split(",")]
        letters = [int(part) for part in text[4:-1].split(",")]
        assert (sum(bright) > 600) == (name == "light")
        assert (sum(letters) > 600) == (name == "dark")
        # Charts take the page's colours.
        stroke = browser.execute_script(
            "return getComputedStyle(document.querySelector('[style*=\"var(--same)\"]')).stroke"
        )
        assert stroke == ("rgb(88, 176, 242)" if dark else "rgb(11, 111, 184)")


def test_a_click_sorts_the_slices(browser, show):
    show("report")
    table = browser.find_element(By.CSS_SELECTOR, "#slices table.sortable")
    heads = table.find_elements(By.CSS_SELECTOR, "thead button")
    at = [head.text.strip(" ↕") for head in heads].index("FNMR")

    def column():
        rows = table.find_elements(By.CSS_SELECTOR, "tbody tr")
        cells = [row.find_elements(By.CSS_SELECTOR, "th, td")[at] for row in rows]
        return [cell.get_attribute("data-value") for cell in cells]

    before = [value for value in column() if value]
    browser.execute_script("arguments[0].click()", heads[at])
    # Pairs of two groups show no one person: what has no value comes last, both ways.
    assert column() == [*sorted(before, key=float), ""]
    browser.execute_script("arguments[0].click()", heads[at])
    assert column() == [*sorted(before, key=float, reverse=True), ""]


def test_the_slider_recounts(browser, show, small_run):
    show("report")
    pairs = small_run.pairs

    def shown(name):
        return browser.find_element(By.CSS_SELECTOR, f'[data-name="{name}"]').text

    false_accepts = int(((pairs.labels == 0) & (pairs.scores >= 0.5)).sum())
    assert (shown("fp"), shown("threshold")) == (str(false_accepts), "1.000")
    browser.execute_script(
        "const s = document.querySelector('.explorer input');"
        "s.value = s.max; s.dispatchEvent(new Event('input'))"
    )
    assert shown("fp") == str(int((pairs.labels == 0).sum()))
    assert (shown("fn"), shown("fmr")) == ("0", "100.00 %")
    button = browser.find_element(By.CSS_SELECTOR, ".explorer button")
    browser.execute_script("arguments[0].click()", button)
    assert shown("fp") == str(false_accepts)


def test_tfma_shows_its_table_and_its_columns(browser, show):
    show("tfma")
    head, *rows = tfma_rows(browser)
    accuracy = head.index("accuracy")
    assert [(row[0], row[accuracy]) for row in rows] == [
        ("Overall", "0.87500"),
        ("hair:dark", "0.75000"),
        ("hair:fair", "0.50000"),
    ]
    bars = browser.execute_script(
        """
        let found = [];
        const walk = (root) => root.querySelectorAll("*").forEach((element) => {
          if (element.localName === "rect" && element.dataset.row !== undefined)
            found.push(element.querySelector("title").textContent);
          if (element.shadowRoot) walk(element.shadowRoot);
        });
        walk(document);
        return found;
        """
    )
    # By name; after them, hidden at first, the columns of TFMA's other view.
    assert bars[:3] == ["hair:dark: 60", "hair:fair: 40", "Overall: 100"]
