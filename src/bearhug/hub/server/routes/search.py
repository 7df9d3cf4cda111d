"""Lists: /api/models, /api/datasets, /api/spaces, and the tags to filter them by."""

from starlette.requests import Request
from starlette.responses import Response

from bearhug.hub.server.errors import BadInput
from bearhug.hub.server.queries import objects, repos
from bearhug.hub.server.queries.repos import SORTS
from bearhug.hub.server.routes.files import KNOWN, SHORT, asked_keys, siblings, summary
from bearhug.hub.server.routes.request import caller_of, cursor, flag, hub_of, next_page, number, ok


def listed(request: Request) -> Response:
    """GET /api/{kind}s: the repositories that fit, a page at a time."""
    kind, query = request.path_params["kind"], request.query_params
    limit = number(request, "limit", 1000, 1000) or 1000
    sort = query.get("sort") or "lastModified"
    sort = {"last_modified": "lastModified", "created_at": "createdAt", "trending_score": "trendingScore"}.get(
        sort, sort
    )
    if sort not in SORTS:
        raise BadInput(f'"sort" must be one of [{", ".join(SORTS)}]')
    after = cursor(request)
    if after is not None and not (isinstance(after, list) and len(after) == 2):
        raise BadInput('"cursor" must be one that an answer\'s Link header gave')
    names = asked_keys(request, kind)
    tags = [part for value in query.getlist("filter") for part in value.split(",")]
    tags += query.getlist("pipeline_tag") + [f"dataset:{name}" for name in query.getlist("trained_dataset")]
    keys = _keys(request, kind, names)
    with hub_of(request).db.read() as db:
        found = repos.search(
            db,
            kind,
            caller_of(request, db),
            words=[word for word in query.getlist("search") if word],
            author=query.get("author"),
            tags=[tag for tag in tags if tag],
            gated=flag(request, "gated") if "gated" in query else None,
            sort=sort,
            ascending=query.get("direction") == "1",
            after=tuple(after) if after else None,
            limit=limit + 1,
        )
        heads = {repo.id: objects.resolve(db, repo.id, "main") for repo in found[:limit]}
        within = {
            repo.id: siblings(db, repo, heads[repo.id], blobs=False) if "siblings" in keys else None
            for repo in found[:limit]
        }
    page = found[:limit]
    every = names is not None
    response = ok(
        [
            summary(repo, repo.facts, keys, sha=heads[repo.id].sha1, siblings=within[repo.id], every=every)
            for repo in page
        ]
    )
    if len(found) > limit:
        response.headers.update(next_page(request, [repos.sort_value(page[-1], sort), page[-1].id]))
    return response


def _keys(request: Request, kind: str, names: list[str] | None) -> list[str]:
    """What each entry shows: the names in `expand`, or the short form and what `full`, `cardData`, `config` add."""
    if names is not None:
        return names
    keys = SHORT[kind].split()
    if flag(request, "full"):
        keys += ["sha", "cardData", "siblings", "disabled"]
    if flag(request, "cardData"):
        keys.append("cardData")
    if flag(request, "config"):
        keys.append("config")
    return [key for key in dict.fromkeys(keys) if key in KNOWN[kind].split()]
