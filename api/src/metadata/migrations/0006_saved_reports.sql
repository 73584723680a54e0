CREATE TABLE saved_reports (
    account TEXT NOT NULL REFERENCES accounts (name),
    id TEXT NOT NULL,
    definition TEXT NOT NULL,
    next_at BIGINT,
    revision BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (account, id)
);
CREATE INDEX saved_reports_by_next ON saved_reports (next_at);
CREATE TABLE saved_report_orders (
    account TEXT NOT NULL REFERENCES accounts (name),
    report TEXT NOT NULL,
    due_at BIGINT NOT NULL,
    delivery TEXT NOT NULL,
    PRIMARY KEY (account, report, due_at)
);
ALTER TABLE alert_outbox ADD COLUMN topic TEXT NOT NULL DEFAULT 'alert';
CREATE INDEX alert_outbox_by_topic ON alert_outbox (topic, state, next_at);
CREATE INDEX alert_outbox_by_account ON alert_outbox (account, alert);
