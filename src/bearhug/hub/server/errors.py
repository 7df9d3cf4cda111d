"""What a handler raises: a status, the code that clients map to their exceptions, a text that people read.

HubError
    NotFound            no such thing; what is hidden looks the same
    RepoNotFound        401 to strangers, 404 to those who are logged in; may become a redirect
    RevisionNotFound, EntryNotFound, Forbidden, Conflict, BadInput (400), Refused (422), TooLarge (413)
"""


class HubError(Exception):
    """An answer that is an error."""

    status = 500
    code: str | None = None

    def __init__(self, message: str, *, status: int | None = None, headers: dict | None = None, **fields):
        super().__init__(message)
        self.message = message
        self.status = status or self.status
        self.headers = headers or {}
        self.fields = fields  # beside `error` in the body


class NotFound(HubError):
    """No such page or thing."""

    status = 404


class RepoNotFound(HubError):
    """No such repository, or one that the caller may not see."""

    status, code = 404, "RepoNotFound"

    def __init__(self, kind: str, name: str, *, anonymous: bool):
        super().__init__("Invalid username or password." if anonymous else "Repository not found")
        self.status = 401 if anonymous else 404
        self.kind, self.name = kind, name


class RevisionNotFound(HubError):
    """No such branch, tag or commit."""

    status, code = 404, "RevisionNotFound"

    def __init__(self, revision: str):
        super().__init__(f"Invalid rev id: {revision}")


class EntryNotFound(HubError):
    """No such file or folder in that commit."""

    status, code = 404, "EntryNotFound"

    def __init__(self, message: str = "Entry not found", *, commit: str | None = None):
        super().__init__(message, headers={"X-Repo-Commit": commit} if commit else None)


class GatedRepo(HubError):
    """The card may be read, the content not."""

    status, code = 403, "GatedRepo"


class Unauthorized(HubError):
    """Who is asking?"""

    status = 401


class Forbidden(HubError):
    """May read, may not do this."""

    status = 403


class Conflict(HubError):
    """It is there already."""

    status = 409


class BadInput(HubError):
    """The request's shape is wrong."""

    status = 400


class Refused(HubError):
    """The shape is right, what it says is not allowed."""

    status = 422


class TooLarge(HubError):
    """More than a setting allows."""

    status = 413
