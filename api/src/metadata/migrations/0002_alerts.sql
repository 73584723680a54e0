CREATE TABLE alert_rules (
    account TEXT NOT NULL REFERENCES accounts (name),
    id TEXT NOT NULL,
    definition TEXT NOT NULL,
    muted_until BIGINT,
    revision BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (account, id)
);
CREATE TABLE alert_states (
    account TEXT NOT NULL REFERENCES accounts (name),
    rule TEXT NOT NULL,
    value TEXT NOT NULL,
    phase TEXT NOT NULL,
    since BIGINT NOT NULL,
    range_from BIGINT NOT NULL,
    range_to BIGINT NOT NULL,
    numbers TEXT NOT NULL,
    told_at BIGINT,
    acknowledged_at BIGINT,
    acknowledged_by TEXT,
    muted_until BIGINT,
    PRIMARY KEY (account, rule, value)
);
CREATE TABLE alert_history (
    account TEXT NOT NULL REFERENCES accounts (name),
    id TEXT NOT NULL,
    rule TEXT NOT NULL,
    at BIGINT NOT NULL,
    entry TEXT NOT NULL,
    PRIMARY KEY (account, id)
);
CREATE TABLE alert_channels (
    account TEXT NOT NULL REFERENCES accounts (name),
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    least TEXT NOT NULL,
    settings TEXT NOT NULL,
    sealed TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (account, id)
);
CREATE TABLE alert_outbox (
    id TEXT NOT NULL PRIMARY KEY,
    account TEXT NOT NULL REFERENCES accounts (name),
    channel TEXT NOT NULL,
    alert TEXT NOT NULL,
    position BIGINT NOT NULL,
    notice TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    next_at BIGINT NOT NULL,
    state TEXT NOT NULL,
    done_at BIGINT,
    error TEXT
);
CREATE INDEX alert_outbox_by_state ON alert_outbox (state, next_at);
CREATE INDEX alert_outbox_by_alert ON alert_outbox (channel, alert, position);
CREATE TABLE alert_maintenance (
    account TEXT NOT NULL REFERENCES accounts (name),
    id TEXT NOT NULL,
    starts_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    rules TEXT NOT NULL,
    note TEXT NOT NULL,
    PRIMARY KEY (account, id)
);
CREATE TABLE observations (
    account TEXT NOT NULL REFERENCES accounts (name),
    domain TEXT NOT NULL,
    day TEXT NOT NULL,
    source TEXT NOT NULL,
    rate DOUBLE PRECISION NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (account, domain, day, source)
);
CREATE TABLE leases (
    name TEXT NOT NULL PRIMARY KEY,
    holder TEXT NOT NULL,
    until_at BIGINT NOT NULL,
    term BIGINT NOT NULL
);
