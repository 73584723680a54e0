//! PostgreSQL with the schema that a careful engineer would use: a table of messages with their attributes, a table of events that
//! point to them, indexes on what is asked for. Filled by COPY, analysed, and warmed up.

use std::{
    io::{BufWriter, Write as _},
    process::Stdio,
    time::Duration,
};

use fixtures::{Event, Options};
use postlens_tests::harness::Postgres as Server;
use serde::Serialize;
use serde_json::Value;

use crate::{reports::Question, traffic};

/// Settings for a machine that has some gigabytes for this.
const SETTINGS: &str = "-c shared_buffers=2GB -c effective_cache_size=6GB -c work_mem=256MB \
                        -c maintenance_work_mem=1GB -c max_wal_size=16GB -c random_page_cost=1.1 -c jit=off";

/// Events as they come.
const RAW: &str = "CREATE UNLOGGED TABLE raw (kind text, time timestamptz, message_id text, recipient text, event_id text, sender text,
    subject text, campaign text, fields jsonb, machine boolean, class text, method text, url text, reason text)";

/// From there into the schema.
const SCHEMA: &str = "
CREATE TYPE kind AS ENUM ('queued', 'delivered', 'deferred', 'failed', 'secured', 'opened', 'clicked', 'complained', 'unsubscribed');
CREATE TABLE messages (id bigint NOT NULL, message_id text NOT NULL, recipient text NOT NULL, recipient_domain text NOT NULL,
    sender text, subject text, campaign text, fields jsonb, sent_at timestamptz NOT NULL);
INSERT INTO messages SELECT row_number() OVER (), message_id, recipient, split_part(recipient, '@', 2), max(sender),
    max(subject), max(campaign), (array_agg(fields) FILTER (WHERE fields IS NOT NULL))[1],
    coalesce(min(time) FILTER (WHERE kind = 'queued'), min(time)) FROM raw GROUP BY message_id, recipient;
ALTER TABLE messages ADD PRIMARY KEY (id), ADD UNIQUE (message_id, recipient);
ANALYZE messages;
CREATE TABLE events (message bigint NOT NULL, kind kind NOT NULL, time timestamptz NOT NULL, machine boolean NOT NULL, event_id text,
    class text, method text, url text, reason text);
INSERT INTO events SELECT m.id, r.kind::kind, r.time, coalesce(r.machine, false), r.event_id, r.class, r.method, r.url, r.reason
    FROM raw r JOIN messages m ON m.message_id = r.message_id AND m.recipient = r.recipient;
DROP TABLE raw;
ALTER TABLE events ADD FOREIGN KEY (message) REFERENCES messages;
CREATE INDEX ON messages (sent_at);
CREATE INDEX ON messages (recipient_domain);
CREATE INDEX ON messages (campaign);
CREATE INDEX ON messages (subject);
CREATE INDEX ON events (message, kind) INCLUDE (machine, method);
CREATE INDEX ON events (time);
";

/// A server of our own. It ends when this is dropped, or when this process ends.
pub(crate) struct Postgres(Server);

impl Postgres {
    /// Starts the server.
    pub(crate) fn start() -> Self {
        Self(Server::start(SETTINGS))
    }

    /// Its version, for the table.
    pub(crate) fn version(&self) -> String {
        self.ask(&["-t", "-A", "-c", "SHOW server_version"]).split(' ').next().unwrap_or_default().trim().to_owned()
    }

    /// Fills the tables with the traffic.
    pub(crate) fn load(&self, options: &Options) {
        self.ask(&["-c", RAW]);
        let copy = ["-c", "COPY raw FROM STDIN (FORMAT csv)"];
        let mut client = self.0.client(&copy).stdin(Stdio::piped()).spawn().expect("psql is part of PostgreSQL");
        let pipe = BufWriter::with_capacity(1 << 20, client.stdin.take().expect("it was asked for"));
        let mut rows = csv::Writer::from_writer(pipe);
        for event in fixtures::events(options) {
            rows.write_record(row(&event)).expect("psql takes what it is given");
        }
        let mut pipe = rows.into_inner().map_err(|error| error.to_string()).expect("psql takes what it is given");
        pipe.flush().expect("psql takes what it is given");
        drop(pipe);
        assert!(client.wait().is_ok_and(|status| status.success()), "COPY succeeds");
        println!("  building messages, events and indexes");
        self.ask(&["-c", SCHEMA]);
        self.ask(&["-c", "VACUUM ANALYZE messages"]);
        self.ask(&["-c", "VACUUM ANALYZE events"]);
    }

    /// How many deliveries it knows.
    pub(crate) fn deliveries(&self) -> i64 {
        let text = self.ask(&["-t", "-A", "-c", "SELECT count(*) FROM messages"]);
        text.trim().parse().unwrap_or_else(|_| panic!("not a number: {text}"))
    }

    /// How long it takes to answer a question, by its own clock.
    pub(crate) fn time(&self, question: Question) -> Result<Duration, String> {
        let answer = self.ask(&["-c", r"\timing on", "-c", r"\o /dev/null", "-c", &count(question.joined)]);
        let time = answer.lines().find_map(|line| line.strip_prefix("Time: ")).and_then(|line| line.split(' ').next());
        let milliseconds: f64 = time.and_then(|text| text.parse().ok()).ok_or(answer.clone())?;
        Ok(Duration::from_secs_f64(milliseconds / 1e3))
    }

    fn ask(&self, arguments: &[&str]) -> String {
        let output = self.0.client(arguments).output().expect("psql is part of PostgreSQL");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

/// An event as a row of `raw`, its identities in their normal form, as a careful engineer stores them; what is empty is NULL.
fn row(event: &Event) -> [String; 14] {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let fields =
        if event.fields.is_empty() { String::new() } else { Value::from_iter(event.fields.clone()).to_string() };
    [
        word(event.kind),
        event.time.to_rfc3339(),
        schema::message_id(&event.message_id).expect("it is one").to_owned(),
        schema::recipient(&event.recipient).expect("it is an address").into_owned(),
        text(&event.event_id),
        text(&event.sender),
        text(&event.subject),
        text(&event.campaign),
        fields,
        event.machine.map(|machine| machine.to_string()).unwrap_or_default(),
        event.class.map(word).unwrap_or_default(),
        event.method.map(word).unwrap_or_default(),
        text(&event.url),
        text(&event.reason),
    ]
}

/// The word for a value, as events write it.
fn word(value: impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word,
        _ => String::new(),
    }
}

/// The question as a careful engineer writes it.
fn count(key: &str) -> String {
    let (from, to) = traffic::span();
    let unique = |condition: &str| format!("count(DISTINCT e.message) FILTER (WHERE {condition})");
    let measures = [
        "count(DISTINCT e.message) AS queued".to_owned(),
        unique("e.kind = 'delivered'"),
        unique("e.kind = 'failed'"),
        unique("e.kind IN ('opened', 'clicked') AND NOT e.machine"),
        unique("e.kind IN ('opened', 'clicked') AND e.machine"),
        unique("e.kind = 'clicked' AND NOT e.machine"),
        unique("e.kind = 'complained'"),
        unique("e.kind = 'unsubscribed'"),
        unique("e.kind = 'secured' OR e.method IS NOT NULL"),
    ];
    format!(
        "SELECT {key} AS key, {} FROM messages m JOIN events e ON e.message = m.id \
         WHERE m.sent_at >= '{}' AND m.sent_at < '{}' GROUP BY 1 ORDER BY queued DESC LIMIT 50",
        measures.join(", "),
        from.to_rfc3339(),
        to.to_rfc3339()
    )
}
