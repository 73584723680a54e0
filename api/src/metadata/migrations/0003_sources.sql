CREATE TABLE sources (
    id TEXT NOT NULL PRIMARY KEY,
    account TEXT NOT NULL REFERENCES accounts (name),
    provider TEXT NOT NULL,
    name TEXT NOT NULL,
    mapping TEXT NOT NULL,
    verification TEXT NOT NULL,
    sealed TEXT NOT NULL,
    token TEXT NOT NULL,
    token_at BIGINT NOT NULL,
    old_token TEXT,
    old_token_until BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    seen_at BIGINT,
    last_reject BIGINT NOT NULL
);
CREATE INDEX sources_by_account ON sources (account, created_at);
CREATE TABLE source_counts (
    source TEXT NOT NULL REFERENCES sources (id) ON DELETE CASCADE,
    counter TEXT NOT NULL,
    label TEXT NOT NULL,
    value BIGINT NOT NULL,
    PRIMARY KEY (source, counter, label)
);
CREATE TABLE source_rejects (
    source TEXT NOT NULL REFERENCES sources (id) ON DELETE CASCADE,
    number BIGINT NOT NULL,
    digest TEXT NOT NULL,
    first_at BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    times BIGINT NOT NULL,
    reason TEXT NOT NULL,
    bytes BIGINT NOT NULL,
    sealed TEXT NOT NULL,
    PRIMARY KEY (source, number),
    UNIQUE (source, digest)
);
CREATE INDEX source_rejects_by_time ON source_rejects (last_at);
