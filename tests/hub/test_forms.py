"""Pages with forms: login, tokens, new repositories, devices; believed only from the hub's own pages."""

import re
import time
from contextlib import contextmanager

import pytest
from huggingface_hub.utils._oauth_device import poll_device_token, request_device_code

HTML = {"Accept": "text/html"}


def csrf(page: str) -> str:
    found = re.search(r'name="csrf" value="(\w+)"', page)
    assert found
    return found[1]


@contextmanager
def logged_in(hub):
    """A browser that has logged in as bear."""
    with hub.http(**HTML) as http:
        mark = csrf(http.get("/login").text)
        answer = http.post("/login", data={"csrf": mark, "name": "bear", "password": hub.password, "next": "/new"})
        assert (answer.status_code, answer.headers["Location"]) == (303, "/new")
        yield http


@pytest.fixture(scope="module")
def browser(hub):
    with logged_in(hub) as http:
        yield http


def test_a_wrong_password_says_little(hub):
    with hub.http(**HTML) as http:
        for name in ("bear", "nobody"):
            mark = csrf(http.get("/login").text)
            answer = http.post("/login", data={"csrf": mark, "name": name, "password": "wrong"})

            assert answer.status_code == 401
            assert "do not fit" in answer.text
            assert "bearhug_session" not in http.cookies


def test_the_session_cookie_is_out_of_scripts_reach(hub):
    with hub.http(**HTML) as http:
        mark = csrf(http.get("/login").text)
        answer = http.post(
            "/login", data={"csrf": mark, "name": "bear", "password": hub.password, "next": "//evil.org"}
        )
    cookie = answer.headers["Set-Cookie"]

    assert answer.headers["Location"] == "/"
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie


@pytest.mark.parametrize("path", ["/login", "/logout", "/settings/tokens", "/new", "/oauth/device/answer"])
def test_a_form_from_elsewhere_is_refused(browser, path):
    mark = csrf(browser.get("/new").text)

    assert browser.post(path, data={"name": "x"}).status_code == 403
    assert browser.post(path, data={"csrf": "0" * 64, "name": "x"}).status_code == 403
    foreign = browser.post(path, data={"csrf": mark, "name": "x"}, headers={**HTML, "Origin": "https://evil.org"})
    assert foreign.status_code == 403


def test_too_many_wrong_passwords(hub):
    from bearhug.hub.server import local

    with local(most_failed_logins=2) as other, hub.http(**HTML) as http:
        http.base_url = other.endpoint
        mark = csrf(http.get("/login").text)
        form = {"csrf": mark, "name": "bear", "password": "wrong"}
        codes = [http.post("/login", data=form).status_code for _ in range(3)]
        right = http.post("/login", data={**form, "password": other.password}).status_code

    assert codes == [401, 401, 429]
    assert right == 429


def test_a_token_is_made_shown_once_and_revoked(hub, browser):
    mark = csrf(browser.get("/settings/tokens").text)
    made = browser.post("/settings/tokens", data={"csrf": mark, "name": "laptop <b>", "role": "read"})
    found = re.search(r"<b>(hf_\w{34})</b>", made.text)
    assert found
    token = found[1]
    assert hub.api(token).whoami()["auth"]["accessToken"]["role"] == "read"
    page = browser.get("/settings/tokens").text

    assert token not in page
    assert "laptop &lt;b&gt;" in page
    row = next(part for part in page.split("<tr>") if "laptop" in part)
    number = re.search(r'name="revoke" value="(\w+)"', row)
    assert number
    browser.post("/settings/tokens", data={"csrf": csrf(page), "revoke": number[1]})
    with hub.http(token) as http:
        assert http.get("/api/whoami-v2").status_code == 401


def test_a_new_repository(hub, browser):
    form = {"csrf": csrf(browser.get("/new").text), "owner": "den", "name": "by-hand", "kind": "dataset"}
    made = browser.post("/new", data={**form, "visibility": "private"})
    again = browser.post("/new", data=form)
    bad = browser.post("/new", data={**form, "name": "a--b"})
    not_hers = browser.post("/new", data={**form, "owner": "anna"})

    assert (made.status_code, made.headers["Location"]) == (303, "/datasets/den/by-hand")
    assert "already created" in again.text
    assert "is no name" in bad.text
    assert not_hers.status_code == 403


def test_pages_that_need_a_login_lead_to_it(hub):
    with hub.http(**HTML) as http:
        answer = http.get("/oauth/device?user_code=AB")

    assert (answer.status_code, answer.headers["Location"]) == (303, "/login?next=%2Foauth%2Fdevice%3Fuser_code%3DAB")


def test_logging_out(hub):
    with logged_in(hub) as http:
        session = http.cookies["bearhug_session"]
        http.post("/logout", data={"csrf": csrf(http.get("/new").text)})
        assert http.get("/settings/tokens").status_code == 303
        http.cookies.set("bearhug_session", session)
        assert http.get("/settings/tokens").status_code == 303, "the session itself is over"


# a device


def test_the_device_flow_of_hugging_faces_client(hub, browser, monkeypatch):
    """What `hf auth login` does without a token: ask for a code, wait until a person lets it in, renew the token."""
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub.endpoint)
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    asked = request_device_code()
    page = browser.get(asked["verification_uri_complete"])
    assert asked["user_code"] in page.text
    form = {"csrf": csrf(page.text), "user_code": asked["user_code"].lower(), "answer": "grant"}

    def grant() -> None:
        assert "logged in as bear" in browser.post("/oauth/device/answer", data=form).text

    answer = poll_device_token(asked, on_pending=grant)
    with hub.http() as http:
        renewal = {"grant_type": "refresh_token", "refresh_token": answer["refresh_token"]}
        renewed = http.post("/oauth/token", data=renewal).json()
        again = http.post("/oauth/token", data=renewal)

    with pytest.raises(Exception, match="Invalid user token"):
        hub.api(answer["access_token"]).whoami()  # the old one is out of use
    assert hub.api(renewed["access_token"]).whoami()["name"] == "bear"
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")


def test_a_device_is_told_why_not(hub, browser):
    with hub.http() as http:
        asked = http.post("/oauth/device", data={"client_id": "x"}).json()
        poll = {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": asked["device_code"]}
        said = [http.post("/oauth/token", data=poll).json()["error"] for _ in range(2)]
        form = {"csrf": csrf(browser.get("/new").text), "user_code": asked["user_code"], "answer": "deny"}
        browser.post("/oauth/device/answer", data=form)
        said += [http.post("/oauth/token", data=poll).json()["error"] for _ in range(2)]
        said.append(http.post("/oauth/token", data={"grant_type": "password"}).json()["error"])
    unknown = browser.post("/oauth/device/answer", data={**form, "user_code": "XXXX-XXXX"})

    assert said == ["authorization_pending", "slow_down", "access_denied", "invalid_grant", "unsupported_grant_type"]
    assert "No device waits" in unknown.text
