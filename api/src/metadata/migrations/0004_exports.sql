CREATE TABLE exports (
    id TEXT NOT NULL PRIMARY KEY,
    account TEXT NOT NULL REFERENCES accounts (name),
    place TEXT NOT NULL,
    format TEXT NOT NULL,
    report TEXT NOT NULL,
    token TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    started_at BIGINT,
    finished_at BIGINT,
    expires_at BIGINT,
    rows_written BIGINT NOT NULL,
    rows_expected BIGINT,
    bytes BIGINT,
    error TEXT
);
CREATE INDEX exports_by_account ON exports (account, created_at);
CREATE INDEX exports_by_place ON exports (place, state, created_at);
