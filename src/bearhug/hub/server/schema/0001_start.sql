-- The hub's memory. Runs on SQLite and on PostgreSQL. Ids are 24 hex digits; times are RFC 3339 text, UTC, milliseconds.

CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL);

-- users and organisations share one space of names
CREATE TABLE accounts (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('user', 'org')),
    name TEXT NOT NULL,
    fullname TEXT NOT NULL,
    email TEXT,
    password_hash TEXT,
    private_by_default BOOLEAN NOT NULL DEFAULT FALSE,
    created_at TEXT NOT NULL
);
CREATE UNIQUE INDEX accounts_by_name ON accounts (lower(name));

CREATE TABLE members (
    organization TEXT NOT NULL REFERENCES accounts ON DELETE CASCADE,
    member TEXT NOT NULL REFERENCES accounts ON DELETE CASCADE,
    role TEXT NOT NULL CHECK (role IN ('admin', 'write', 'contributor', 'read')),
    PRIMARY KEY (organization, member)
);
CREATE INDEX members_by_member ON members (member);

-- only hashes of tokens are kept
CREATE TABLE tokens (
    id TEXT PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE,
    account TEXT NOT NULL REFERENCES accounts ON DELETE CASCADE,
    name TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('read', 'write')),
    refresh_hash TEXT UNIQUE,
    created_at TEXT NOT NULL,
    expires_at TEXT
);
CREATE INDEX tokens_by_account ON tokens (account);

CREATE TABLE sessions (
    hash TEXT PRIMARY KEY,
    account TEXT NOT NULL REFERENCES accounts ON DELETE CASCADE,
    expires_at TEXT NOT NULL
);

-- the device flow of `hf auth login` (RFC 8628)
CREATE TABLE devices (
    hash TEXT PRIMARY KEY,
    user_code TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL CHECK (state IN ('pending', 'granted', 'denied')),
    account TEXT REFERENCES accounts ON DELETE CASCADE,
    polled_at TEXT,
    expires_at TEXT NOT NULL
);

CREATE TABLE repos (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('model', 'dataset', 'space', 'kernel')),
    owner TEXT NOT NULL REFERENCES accounts,
    name TEXT NOT NULL,
    creator TEXT REFERENCES accounts ON DELETE SET NULL,
    private BOOLEAN NOT NULL,
    gated TEXT,
    disabled BOOLEAN NOT NULL DEFAULT FALSE,
    sdk TEXT,
    downloads INTEGER NOT NULL DEFAULT 0,
    facts TEXT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
);
CREATE UNIQUE INDEX repos_by_name ON repos (kind, owner, lower(name));
CREATE INDEX repos_by_update ON repos (kind, updated_at, id);

-- what the card, the config and the file names of main say, to search by
CREATE TABLE repo_tags (
    repo TEXT NOT NULL REFERENCES repos ON DELETE CASCADE,
    tag TEXT NOT NULL,
    PRIMARY KEY (repo, tag)
);
CREATE INDEX repo_tags_by_tag ON repo_tags (tag);

-- names that lead elsewhere: those of repositories that moved, and bare names (`gpt2`) that an operator gave
CREATE TABLE moved (
    kind TEXT NOT NULL,
    old_name TEXT NOT NULL,
    repo TEXT NOT NULL REFERENCES repos ON DELETE CASCADE,
    PRIMARY KEY (kind, old_name)
);
CREATE TABLE aliases (name TEXT PRIMARY KEY, target TEXT NOT NULL);

-- git's objects byte for byte; what a listing needs of a blob stands beside it
CREATE TABLE objects (
    repo TEXT NOT NULL REFERENCES repos ON DELETE CASCADE,
    sha1 TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('blob', 'tree', 'commit', 'tag')),
    size_bytes BIGINT NOT NULL,
    large_sha256 TEXT,
    large_bytes BIGINT,
    body BYTEA NOT NULL,
    PRIMARY KEY (repo, sha1)
);
CREATE TABLE parents (
    repo TEXT NOT NULL REFERENCES repos ON DELETE CASCADE,
    child TEXT NOT NULL,
    place INTEGER NOT NULL,
    parent TEXT NOT NULL,
    PRIMARY KEY (repo, child, place)
);
CREATE TABLE refs (
    repo TEXT NOT NULL REFERENCES repos ON DELETE CASCADE,
    name TEXT NOT NULL,
    target TEXT NOT NULL,
    PRIMARY KEY (repo, name)
);
CREATE TABLE discussions (
    repo TEXT NOT NULL REFERENCES repos ON DELETE CASCADE,
    num INTEGER NOT NULL,
    title TEXT NOT NULL,
    description TEXT NOT NULL,
    is_pull_request BOOLEAN NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('open', 'closed', 'merged', 'draft')),
    author TEXT REFERENCES accounts ON DELETE SET NULL,
    base TEXT,
    created_at TEXT NOT NULL,
    PRIMARY KEY (repo, num)
);

-- large files by content: whole in the object folder, or as chunks of xorbs (xet_hash), or both
CREATE TABLE files (
    sha256 TEXT PRIMARY KEY,
    size_bytes BIGINT NOT NULL,
    is_whole BOOLEAN NOT NULL,
    xet_hash TEXT
);
-- the empty file is always here: nobody sends it
INSERT INTO files (sha256, size_bytes, is_whole)
VALUES ('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', 0, TRUE);
CREATE INDEX files_by_xet_hash ON files (xet_hash);
-- who may name a file in a commit: its uploader, and the readers of a repository that holds it
CREATE TABLE uploads (
    sha256 TEXT NOT NULL REFERENCES files ON DELETE CASCADE,
    account TEXT NOT NULL REFERENCES accounts ON DELETE CASCADE,
    PRIMARY KEY (sha256, account)
);
CREATE TABLE repo_files (
    repo TEXT NOT NULL REFERENCES repos ON DELETE CASCADE,
    sha256 TEXT NOT NULL REFERENCES files,
    PRIMARY KEY (repo, sha256)
);
CREATE INDEX repo_files_by_file ON repo_files (sha256);

CREATE TABLE xorbs (
    hash TEXT PRIMARY KEY,
    stored_bytes BIGINT NOT NULL,
    chunks BYTEA NOT NULL,
    created_at TEXT NOT NULL
);
CREATE TABLE xorb_uploads (
    xorb TEXT NOT NULL REFERENCES xorbs ON DELETE CASCADE,
    account TEXT NOT NULL REFERENCES accounts ON DELETE CASCADE,
    PRIMARY KEY (xorb, account)
);
CREATE TABLE terms (
    xet_hash TEXT NOT NULL,
    place INTEGER NOT NULL,
    xorb TEXT NOT NULL REFERENCES xorbs,
    unpacked_bytes BIGINT NOT NULL,
    first_chunk INTEGER NOT NULL,
    end_chunk INTEGER NOT NULL,
    PRIMARY KEY (xet_hash, place)
);
CREATE INDEX terms_by_xorb ON terms (xorb);
