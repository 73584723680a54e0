//! The events of a run, cut into bodies as a client would send them.

use chrono::{DateTime, Utc};

/// Events in a body.
const BODY_EVENTS: usize = 10_000;

/// Bodies of NDJSON, and the time that they span.
pub(crate) struct Traffic {
    pub(crate) bodies: Vec<Vec<u8>>,
    pub(crate) start: DateTime<Utc>,
    pub(crate) end: DateTime<Utc>,
}

impl Traffic {
    /// Believable traffic without repetitions: every line is an event that counts.
    pub(crate) fn generate(events: usize) -> Self {
        let options = fixtures::Options { seed: 1, events, repeat: 0.0, ..fixtures::Options::default() };
        let mut text = Vec::new();
        fixtures::write_ndjson(&options, &mut text).expect("memory can be written");
        let lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
        let bodies = lines.chunks(BODY_EVENTS).map(<[_]>::concat).collect();
        let end = options.start + chrono::Duration::days(i64::from(options.days));
        Self { bodies, start: options.start, end }
    }
}
