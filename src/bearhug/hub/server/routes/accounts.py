"""Who am I, who is that: /api/whoami-v2, /api/users, /api/organizations."""

from starlette.requests import Request
from starlette.responses import Response

from bearhug.hub.server.errors import NotFound, Unauthorized
from bearhug.hub.server.queries import accounts, repos
from bearhug.hub.server.queries.accounts import Account
from bearhug.hub.server.routes.request import caller_of, hub_of, ok, public_url


def whoami(request: Request) -> Response:
    """GET /api/whoami-v2: the account behind the token, and its organisations."""
    with hub_of(request).db.read() as db:
        caller = caller_of(request, db)
        if caller.account is None:
            raise Unauthorized("Invalid username or password.")
        me, orgs = caller.account, accounts.organizations(db, caller.id)
    token = caller.token
    return ok(
        {
            "type": "user",
            "id": me.id,
            "name": me.name,
            "fullname": me.fullname,
            "email": me.email,
            "emailVerified": True,
            "canPay": False,
            "isPro": False,
            "periodEnd": None,
            "avatarUrl": avatar(request),
            "orgs": [
                {
                    "type": "org",
                    "id": org.id,
                    "name": org.name,
                    "fullname": org.fullname,
                    "email": org.email,
                    "canPay": False,
                    "periodEnd": None,
                    "avatarUrl": avatar(request),
                    "roleInOrg": role,
                    "isEnterprise": False,
                }
                for org, role in orgs
            ],
            "auth": {"type": "access_token", "accessToken": token} if token else {"type": "session"},
        }
    )


def avatar(request: Request) -> str:
    """Every account's picture, for now one for all."""
    return f"{public_url(request)}/static/avatar.svg"


def user(request: Request) -> Response:
    """GET /api/users/{name}/overview."""
    with hub_of(request).db.read() as db:
        caller = caller_of(request, db)
        who = _account(db, request.path_params["name"], "user")
        counts = repos.counts(db, who.id, caller)
        orgs = [org for org, _ in accounts.organizations(db, who.id)]
    return ok(
        {
            **_overview(request, who, counts),
            "_id": who.id,
            "user": who.name,
            "type": "user",
            "isPro": False,
            "numPapers": 0,
            "numUpvotes": 0,
            "numLikes": 0,
            "numFollowing": 0,
            "orgs": [{"name": org.name, "fullname": org.fullname, "avatarUrl": avatar(request)} for org in orgs],
        }
    )


def organization(request: Request) -> Response:
    """GET /api/organizations/{name}/overview."""
    with hub_of(request).db.read() as db:
        caller = caller_of(request, db)
        who = _account(db, request.path_params["name"], "org")
        counts = repos.counts(db, who.id, caller)
        people = accounts.members(db, who.id)
    return ok(
        {
            **_overview(request, who, counts),
            "name": who.name,
            "isVerified": False,
            "numUsers": len(people),
            "type": "org",
        }
    )


def organization_members(request: Request) -> Response:
    """GET /api/organizations/{name}/members."""
    with hub_of(request).db.read() as db:
        caller_of(request, db)
        people = accounts.members(db, _account(db, request.path_params["name"], "org").id)
    return ok(
        [
            {
                "_id": who.id,
                "user": who.name,
                "fullname": who.fullname,
                "avatarUrl": avatar(request),
                "isPro": False,
                "type": "user",
            }
            for who, _ in people
        ]
    )  # fmt: skip


def _account(db, name: str, kind: str) -> Account:
    who = accounts.find(db, name)
    if who is None or who.kind != kind:
        raise NotFound(f"This {'user' if kind == 'user' else 'organization'} does not exist")
    return who


def _overview(request: Request, who: Account, counts: dict[str, int]) -> dict:
    return {
        "fullname": who.fullname,
        "avatarUrl": avatar(request),
        "details": None,
        "isFollowing": False,
        "numModels": counts["model"],
        "numDatasets": counts["dataset"],
        "numSpaces": counts["space"],
        "numDiscussions": 0,
        "numFollowers": 0,
        "createdAt": who.created_at,
    }
