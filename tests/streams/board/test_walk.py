"""Every page in a real browser: nothing complains, nobody else is asked, axe-core finds nothing, a phone is wide enough.

Pictures of what was walked are left in build/board, to be looked at.
"""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from clickhouse_connect.driver.client import Client
from playwright.sync_api import Browser

from tests.fixtures.npm import AXE, axe_core
from tests.streams.board.conftest import ROOT, Visit, visiting

PICTURES = ROOT / "build" / "board"

LEVELS = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa"]}
PAGES = {
    "overview": "/",
    "accounts": "/accounts?risk=at_risk&renews=90&sort=mrr",
    "one account": "/account/a-ashdown",
    "journeys": "/journeys",
    "operations": "/operations",
    "search": "/find?q=ash",
}
OTHERS = (
    "/?owner=Ines+Okafor&days=365",
    "/accounts",
    "/accounts?q=nobody",
    "/account/a-ironwood?people=at_risk",
    "/journeys?kind=account",
)
"""The same pages with other rows: looked at for complaints alone."""


def inspected(visit: Visit, where: str) -> None:
    """Nothing that axe-core calls a violation of level A or AA, with everything opened that can be; no sideways scrolling."""
    page = visit.page
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
    found = Axe(axe_core()).run(page, options=LEVELS)
    assert found.response["testEngine"]["version"] == AXE.version
    assert found.violations_count == 0, f"{where}: {found.generate_report()}"
    assert len(found.response["passes"]) > 10
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{where} is wider than the screen"


def busiest(company: Client) -> str:
    return str(company.query(
        "SELECT entity FROM transitions WHERE kind = 'user' GROUP BY entity ORDER BY count() DESC, entity LIMIT 1"
    ).result_rows[0][0])  # fmt: skip


def test_every_page_is_quiet_local_and_accessible(browser: Browser, board: str, company: Client) -> None:
    with visiting(browser, board) as visit:
        for where, path in {**PAGES, "one user": f"/user/{busiest(company)}"}.items():
            page = visit.go(path)
            assert page.locator("h1").inner_text() != "Not found"
            page.screenshot(path=PICTURES / f"{where}.png", full_page=True)
            inspected(visit, where)
        for path in OTHERS:
            visit.go(path)


def test_the_main_pages_are_so_in_the_dark_and_on_a_phone(browser: Browser, board: str, company: Client) -> None:
    with visiting(browser, board, "dark", 390) as visit:
        for where in ("overview", "accounts", "one account", "one user", "journeys", "operations"):
            page = visit.go(PAGES.get(where, f"/user/{busiest(company)}"))
            page.screenshot(path=PICTURES / f"{where}, dark, on a phone.png", full_page=True)
            inspected(visit, where)


def test_pages_that_say_no_are_accessible_too(browser: Browser, board: str) -> None:
    with visiting(browser, board) as visit:
        for path, what in (
            ("/account/nobody", "There is no account nobody."),
            ("/nowhere", "There is no page /nowhere."),
        ):
            page = visit.go(path)
            assert page.get_by_text(what).is_visible()
            inspected(visit, path)
        assert [told for told in visit.errors if "404" not in told] == []
        visit.errors.clear()  # the browser itself notes a page that is answered with 404
        visit.page.context.clear_cookies()
        visit.go("/")
        assert visit.page.url == f"{board}/sign-in"
        inspected(visit, "sign in")


def test_the_keyboard_alone_gets_from_the_overview_to_a_user(visit: Visit) -> None:
    page = visit.go("/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("/")
    page.keyboard.type("ironwood")
    page.keyboard.press("Enter")
    page.wait_for_url("**/find?q=ironwood")
    page.get_by_role("link", name="Ironwood Homes").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/account/a-ironwood")
    page.locator("#people tbody th a").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/user/**")
    step = page.locator("#steps summary").first
    step.focus()
    page.keyboard.press("Enter")
    assert page.locator("#steps details[open] .terms, #steps details[open] .sub").first.is_visible()


def test_light_and_dark_are_one_press_apart_and_remembered(visit: Visit) -> None:
    page = visit.go("/")
    paper = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(paper)
    page.get_by_role("button", name="Light or dark").click()
    dark = page.evaluate(paper)
    assert light != dark
    visit.go("/accounts")
    assert page.evaluate(paper) == dark


def test_a_sorted_column_says_so_and_turns(visit: Visit) -> None:
    page = visit.go("/accounts")
    page.locator("thead").get_by_role("link", name="Health").click()
    assert page.locator("th[aria-sort=descending]").inner_text().startswith("Health")
    shown = [float(text) for text in page.locator(".score").all_inner_texts()]
    assert shown == sorted(shown, reverse=True)
    page.locator("thead").get_by_role("link", name="Health").click()
    assert page.locator("th[aria-sort=ascending]").inner_text().startswith("Health")


def test_the_list_can_be_taken_away(visit: Visit, company: Client) -> None:
    page = visit.go("/accounts?risk=at_risk")
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Export CSV").click()
    lines = waiting.value.path().read_text().splitlines()
    assert lines[0].startswith("account,name,owner,plan,segment,stage,risk,health")
    expected = company.query(
        "SELECT count() FROM entities FINAL WHERE kind = 'account' AND states['risk'] = 'at_risk'"
    ).result_rows[0][0]
    assert len(lines) == 1 + expected
