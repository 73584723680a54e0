CREATE TABLE segments (
    account TEXT NOT NULL REFERENCES accounts (name),
    name TEXT NOT NULL,
    definition TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (account, name)
);
