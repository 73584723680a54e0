//! What the service tells about itself at `/metrics`: one table of names, kinds, labels and meanings, for those who record and for
//! those who show.
//!
//! Labels have few values, all known beforehand: no account, no address and no subject is ever one.

/// Upper bounds of buckets of a time in seconds: from what a stage takes when idle to the longest that a client waits.
pub const SECONDS: &[f64] =
    &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// Upper bounds of buckets of a number of events: from single ones to the largest batch.
pub const EVENTS: &[f64] =
    &[1.0, 10.0, 100.0, 1_000.0, 5_000.0, 10_000.0, 25_000.0, 50_000.0, 100_000.0, 150_000.0, 250_000.0];

/// What is shown of a metric beside its values.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// What its values mean over time.
    pub kind: Kind,
    /// The labels that tell its values apart.
    pub labels: &'static [&'static str],
    /// What it is, in a sentence.
    pub help: &'static str,
}

/// What a metric's values mean over time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// It only grows; a restart begins at 0.
    Counter,
    /// It is as it is now.
    Gauge,
    /// It counts how many values were at most as large as each of these bounds.
    Histogram(&'static [f64]),
}

macro_rules! metrics {
    ($($constant:ident = $name:literal, $kind:expr, [$($label:literal),*], $help:literal;)+) => {
        $(#[doc = $help] pub const $constant: &str = $name;)+

        /// All of them.
        pub const ALL: &[Metric] =
            &[$(Metric { name: $name, kind: $kind, labels: &[$($label),*], help: $help },)+];
    };
}

metrics! {
    STAGE_SECONDS = "postlens_stage_seconds", Kind::Histogram(SECONDS), ["stage"],
        "Seconds that a stage of ingestion took: parse and spool for a body, the others for a batch.";
    BATCH_EVENTS = "postlens_batch_events", Kind::Histogram(EVENTS), [],
        "Events of a batch that was applied, repetitions included.";
    EVENTS_TOTAL = "postlens_events_total", Kind::Counter, ["outcome"],
        "Events by what became of them: accepted or rejected when they come in, applied or duplicate when their batch is written.";
    LATE_EVENTS_TOTAL = "postlens_late_events_total", Kind::Counter, [],
        "Events of deliveries that were forgotten: they count as events, and not as deliveries a second time.";
    LEDGER_BYTES = "postlens_ledger_bytes", Kind::Gauge, [], "Bytes on disk of the ledger, which remembers deliveries and events.";
    LEDGER_MEMORY_BYTES = "postlens_ledger_memory_bytes", Kind::Gauge, [],
        "Bytes of memory that the ledger takes for what it caches and for what is not in a file yet.";
    SPOOL_BYTES = "postlens_spool_bytes", Kind::Gauge, [], "Bytes on disk that wait to be applied.";
    SPOOL_LIMIT_BYTES = "postlens_spool_limit_bytes", Kind::Gauge, [],
        "Bytes that may wait before new events are answered 503.";
    SPOOL_EVENTS = "postlens_spool_events", Kind::Gauge, [], "Events on disk that reports do not show yet.";
    SPOOL_OLDEST_SECONDS = "postlens_spool_oldest_seconds", Kind::Gauge, [],
        "How long the oldest waiting event has been waiting; 0 when none waits.";
    INGEST_STALLED = "postlens_ingest_stalled", Kind::Gauge, [],
        "1 while something keeps batches from being applied, else 0.";
    INGEST_REBUILDING = "postlens_ingest_rebuilding", Kind::Gauge, [],
        "1 while tables and ledger are being rebuilt from the events, else 0.";
    SCRUBBED_DAYS_TOTAL = "postlens_scrubbed_days_total", Kind::Counter, [],
        "Settled days whose events were counted anew and compared with the tables.";
    SCRUBBED_DAYS_DIFFERING = "postlens_scrubbed_days_differing", Kind::Gauge, [],
        "Settled days that are known to differ from what their events say: 0 unless something is wrong.";
    SCRUBBED_LAST_TIMESTAMP_SECONDS = "postlens_scrubbed_last_timestamp_seconds", Kind::Gauge, [],
        "When a settled day was checked last, in seconds since 1970; 0 when none was since the start.";
    HOOKS_TOTAL = "postlens_hooks_total", Kind::Counter, ["provider", "outcome"],
        "Requests to webhooks by what became of them: taken, repeated, undecodable, refused, failed, or unknown, when there is no such webhook.";
    REPORT_SECONDS = "postlens_report_seconds", Kind::Histogram(SECONDS), ["kind", "format"],
        "Seconds until the answer of a report began, or until it failed.";
    HTTP_REQUESTS_TOTAL = "postlens_http_requests_total", Kind::Counter, ["route", "method", "status"],
        "HTTP requests that were answered.";
    ENGINE_UP = "postlens_engine_up", Kind::Gauge, [],
        "1 while the embedded engine answers, else 0; absent with a ClickHouse server.";
    ENGINE_RESTARTS_TOTAL = "postlens_engine_restarts_total", Kind::Counter, [],
        "How often the embedded engine was started again because it had ended or did not answer.";
    PROCESS_RESIDENT_BYTES = "postlens_process_resident_bytes", Kind::Gauge, ["process"],
        "Resident memory of the service and of its embedded engine.";
    PROCESS_CPU_SECONDS_TOTAL = "postlens_process_cpu_seconds_total", Kind::Counter, ["process"],
        "Processor time of the service and of its embedded engine.";
    ALERTS_FIRING = "postlens_alerts_firing", Kind::Gauge, ["severity"],
        "Alerts that fire, over all accounts; 0 where another service evaluates the rules.";
    ALERT_PASS_SECONDS = "postlens_alert_pass_seconds", Kind::Histogram(SECONDS), [],
        "Seconds that an evaluation of all rules of all accounts took.";
    ALERT_PASSES_TOTAL = "postlens_alert_passes_total", Kind::Counter, ["outcome"],
        "Evaluations of all rules: complete; partial, when some could not be evaluated; elsewhere, when another service does it; or failed.";
    POSTMASTER_PULLS_TOTAL = "postlens_postmaster_pulls_total", Kind::Counter, ["outcome"],
        "Pulls of spam rates from Google Postmaster Tools: complete; partial, when some domains were refused; or failed.";
    POSTMASTER_LAST_TIMESTAMP_SECONDS = "postlens_postmaster_last_timestamp_seconds", Kind::Gauge, [],
        "When spam rates were pulled last with success, in seconds since 1970; 0 when they were not since the start.";
    BUILD_INFO = "postlens_build_info", Kind::Gauge, ["version"], "Always 1; the label tells the version.";
}

macro_rules! labels {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $label:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$variant_doc])* $variant,)+ }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The value of the label.
            #[must_use]
            pub const fn label(self) -> &'static str {
                match self { $(Self::$variant => $label,)+ }
            }
        }
    };
}

labels! {
    /// The label `stage` of [`STAGE_SECONDS`]: the stages of ingestion in their order.
    Stage {
        /// Decoding and judging a body.
        Parse = "parse";
        /// From a parsed body to its events on disk.
        Spool = "spool";
        /// Waiting before a batch until acceptance, which goes first, has passed.
        Wait = "wait";
        /// Reading a batch's records from the spool.
        Read = "read";
        /// Reading the events of these, and computing their identities.
        Identify = "identify";
        /// Telling events from repetitions, by the ledger.
        Distinct = "distinct";
        /// Folding events into the states of their deliveries.
        Fold = "fold";
        /// Writing rows into columns.
        Encode = "encode";
        /// Putting the blocks into ClickHouse.
        Insert = "insert";
        /// Bringing the ledger up to date.
        Commit = "commit";
    }
}

labels! {
    /// The label `outcome` of [`EVENTS_TOTAL`].
    Outcome {
        /// It is on disk.
        Accepted = "accepted";
        /// It was refused by itself.
        Rejected = "rejected";
        /// It repeated another: it changed no number.
        Duplicate = "duplicate";
        /// It is in the reports.
        Applied = "applied";
    }
}

labels! {
    /// The label `outcome` of [`HOOKS_TOTAL`].
    Hook {
        /// Its events are on disk.
        Taken = "taken";
        /// It was taken before.
        Repeated = "repeated";
        /// It is not what the provider sends, and kept.
        Undecodable = "undecodable";
        /// It was not verified.
        Refused = "refused";
        /// It was not taken, and may come again.
        Failed = "failed";
        /// There is no such webhook, or its URL has another token.
        Unknown = "unknown";
    }
}

labels! {
    /// The label `outcome` of [`ALERT_PASSES_TOTAL`].
    Pass {
        /// Every rule was evaluated.
        Complete = "complete";
        /// Some rules had no numbers: ClickHouse is away, or they read too much.
        Partial = "partial";
        /// Another service evaluates.
        Elsewhere = "elsewhere";
        /// The metadata store does not answer.
        Failed = "failed";
    }
}

labels! {
    /// The label `outcome` of [`POSTMASTER_PULLS_TOTAL`].
    Pull {
        /// Every domain was told of.
        Complete = "complete";
        /// Some domains were refused.
        Partial = "partial";
        /// Nothing was told, or it could not be stored.
        Failed = "failed";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_conventions_of_prometheus() {
        for metric in ALL {
            let plain = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
            assert!(metric.name.starts_with("postlens_") && metric.name.bytes().all(plain), "{}", metric.name);
            assert_eq!(metric.name.ends_with("_total"), metric.kind == Kind::Counter, "{}", metric.name);
        }
    }

    #[test]
    fn buckets_are_in_order() {
        for bounds in [SECONDS, EVENTS] {
            assert!(bounds.windows(2).all(|pair| pair[0] < pair[1]));
        }
    }
}
