"""The pages: what a person finds there, and nothing of a stranger's that runs."""

import re

import pytest

from bearhug.hub.server import markdown

CARD = """---
license: mit
datasets: [bear/rows]
base_model: bear/parent
pipeline_tag: fill-mask
metrics: [accuracy]
model-index: [{name: x, results: [{task: {type: fill-mask}, dataset: {name: rows, type: rows}, 
    metrics: [{type: accuracy, value: 0.5}]}]}]
---
# A title

See [the config](config.json), ![a picture](pictures/p.png) and [elsewhere](https://example.org).

| a | b |
|:--|--:|
| 1 | 2 |

<script>alert(1)</script><img src="x" onerror="alert(1)"><a href="javascript:alert(1)">bad</a>
"""


@pytest.fixture(scope="module")
def shown(hub, api):
    """A browser's view of a repository with a card."""
    api.create_repo("bear/shown", exist_ok=True)
    files = {
        "README.md": CARD.encode(),
        "config.json": b'{"model_type": "bert"}',
        "docs/note.md": b"# Note",
        "b.bin": b"\0\1",
    }
    for path, data in {**files, "pictures/p.png": b"\x89PNG\0"}.items():
        api.upload_file(path_or_fileobj=data, path_in_repo=path, repo_id="bear/shown", commit_message=f"Add <{path}>")
    with hub.http(Accept="text/html") as http:
        yield lambda path: http.get(path)


def test_the_card_is_rendered_and_its_front_matter_shown_as_facts(shown):
    page = shown("/bear/shown").text

    assert "<h1>A title</h1>" in page
    assert 'href="/bear/shown/blob/main/config.json"' in page
    assert 'src="/bear/shown/resolve/main/pictures/p.png"' in page
    assert 'href="/datasets/bear/rows"' in page
    assert "0.5 on rows" in page
    assert "license:mit" in page
    assert '<td style="text-align:right">2</td>' in page
    assert "base_model: bear" not in page


def test_nothing_of_a_strangers_runs(shown):
    answer = shown("/bear/shown")

    assert "<script" not in answer.text
    assert "onerror" not in answer.text
    assert "javascript:" not in answer.text
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'")


@pytest.mark.parametrize(
    "text",
    [
        "<svg onload=alert(1)>",
        "[x](javascript:alert(1))",
        "[x](data:text/html,<script>1</script>)",
        '<a href="\tjava\nscript:alert(1)">x</a>',
        "<iframe src=//evil.org></iframe>",
        "<style>body{display:none}</style>",
        '<div style="position:fixed" class="top" id="x">x</div>',
        "<form action=//evil.org><input name=password></form>",
        "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
        '<base href="//evil.org">',
        '![x](https://a.b/c.png"onerror=alert(1))',
    ],
)
def test_markdown_keeps_no_harm(text):
    html = markdown.render(text, "/a/b/{}/main")

    assert not re.search(
        r"<(script|iframe|style|form|svg|base|object)|[\s\"']on\w+=|=\"?(javascript|data):|position:|id=\"x\"", html
    )


def test_a_link_of_a_card_cannot_leave_its_repository():
    html = markdown.render("[a](../../../../other/secret) [b](../x.md#top) [c](#here)", "/a/b/{}/main/docs")

    assert re.findall(r'href="([^"]*)"', html) == ["/a/b/blob/main/docs", "/a/b/blob/main/x.md#top", "#card-here"]


def test_the_pages_of_a_repository(shown, api):
    commit = api.list_repo_commits("bear/shown")[1].commit_id
    expected = {
        "/": "bear/shown",
        "/?search=SHOWN": "bear/shown",
        "/models": "bear/shown",
        "/models?filter=license:mit&search=sho": "bear/shown",
        "/bear": "bear/shown",
        "/den": "anna",
        "/bear/shown/tree/main": "config.json",
        "/bear/shown/tree/main/docs": "note.md",
        "/bear/shown/blob/main/config.json": "model_type",
        "/bear/shown/blob/main/docs/note.md": "<h1>Note</h1>",
        "/bear/shown/blob/main/b.bin": "SHA-256",
        "/bear/shown/blob/main/pictures/p.png": '<img class="picture"',
        "/bear/shown/commits/main": "Add &lt;config.json&gt;",
        f"/bear/shown/commit/{commit}": "b.bin",
        "/bear/SHOWN": "A title",
    }
    for path, text in expected.items():
        answer = shown(path)

        assert answer.status_code == 200, path
        assert text in answer.text, path


def test_a_commit_shows_its_lines(shown, api):
    made = api.upload_file(path_or_fileobj=b"one\ntwo\n", path_in_repo="lines.txt", repo_id="bear/shown")
    page = shown(f"/bear/shown/commit/{made.oid}").text

    assert '<span class="add">+one' in page


def test_a_pull_request_has_its_page(shown, api):
    made = api.upload_file(
        path_or_fileobj=b"x", path_in_repo="p.txt", repo_id="bear/shown", create_pr=True, commit_message="<P>"
    )
    page = shown(made.pr_url.split("/", 3)[3] if "://" in made.pr_url else made.pr_url).text

    assert "&lt;P&gt;" in page
    assert "p.txt" in page


@pytest.mark.parametrize(
    "path", ["/nobody", "/bear/nothing", "/datasets/bear/shown", "/bear/shown/blob/main/no", "/a/b/c/d"]
)
def test_what_is_not_there_is_a_page_for_people(shown, path):
    answer = shown(path)

    assert answer.status_code in (401, 404)
    assert answer.headers["Content-Type"].startswith("text/html")


def test_an_empty_repository_says_what_to_do(shown, api):
    api.create_repo("bear/empty-one", exist_ok=True)

    assert "Nothing has been pushed yet" in shown("/bear/empty-one").text


def test_lists_come_in_pages(hub, api, shown):
    for number in range(31):
        api.create_repo(f"bear/many-{number}", repo_type="dataset", exist_ok=True)
    first = shown("/datasets?search=many-").text
    more = re.search(r'href="(\?[^"]*cursor[^"]*)"', first)
    assert more
    second = shown("/datasets" + more[1].replace("&amp;", "&")).text
    names = re.findall(r"<b>(bear/many-\d+)</b>", first + second)

    assert len(names) == len(set(names)) == 31


def test_the_style_is_served(shown):
    assert shown("/static/style.css").headers["Content-Type"].startswith("text/css")
    assert shown("/static/bear.svg").status_code == 200
    assert shown("/static/../app.py").status_code in (401, 404)
    assert shown("/static/..%2Fapp.py").status_code in (401, 404)
