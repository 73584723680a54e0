//! The pure part of acceptance: from a body to the record of what is accepted, and what became of each thing that it tells.

use std::collections::BTreeMap;

use crate::{
    IngestError, Position, Receipt, Rejection, Taken,
    accept::{self, MAX_EVENTS, Window},
    decode::{
        BodyError, BodyFormat, Item, Mapping, Mismatch, Packing, Provider, Wire, each_event, each_line, each_message,
    },
    record::{MAX_RECORD, RecordBuilder},
};

/// Rejections that an answer lists; the rest is only counted.
const MAX_REJECTIONS: usize = 100;
/// Types of ignored items that are counted by their names; the rest is counted as one.
const MAX_IGNORED: usize = 32;
/// The rest.
const OTHER: &str = "other";

/// Reads a body of events.
pub(crate) fn parse(body: &[u8], format: BodyFormat, window: Window) -> Result<(RecordBuilder, Receipt), IngestError> {
    let mut intake = Intake::new(body.len(), window);
    let mut index = 0;
    each_event(body, format, MAX_EVENTS, |wire| {
        intake.judge(index, wire);
        index += 1;
    })?;
    let (record, taken) = intake.finish()?;
    Ok((record, taken.receipt))
}

/// Reads what a provider tells.
pub(crate) fn parse_from(
    body: &[u8],
    provider: Provider,
    mapping: &Mapping,
    packing: Packing,
    window: Window,
) -> Result<(RecordBuilder, Taken), IngestError> {
    let mut intake = Intake::new(body.len(), window);
    match packing {
        Packing::Whole => intake.whole(body, provider, mapping)?,
        Packing::Lines | Packing::Mbox => intake.each(body, provider, mapping, packing)?,
    }
    intake.finish()
}

/// The name by which notices for people are counted.
const NOTICE: &str = "notice";

/// What is known of a body so far.
struct Intake {
    window: Window,
    record: RecordBuilder,
    taken: Taken,
}

impl Intake {
    fn new(bytes: usize, window: Window) -> Self {
        let receipt = Receipt { accepted: 0, rejected: 0, errors: Vec::new(), position: Position(0) };
        Self { window, record: RecordBuilder::for_body(bytes), taken: Taken { receipt, ignored: BTreeMap::new() } }
    }

    fn finish(self) -> Result<(RecordBuilder, Taken), IngestError> {
        if self.record.is_full() { Err(IngestError::TooLong(MAX_RECORD)) } else { Ok((self.record, self.taken)) }
    }

    /// One body of a provider's. When it is undecodable, the caller drops what was taken before.
    fn whole(&mut self, body: &[u8], provider: Provider, mapping: &Mapping) -> Result<(), IngestError> {
        let Some(body) = provider.payload(body) else {
            self.ignore(NOTICE);
            return Ok(());
        };
        let mut items = 0;
        let decoded = provider.decode(&body, mapping, &mut |item| {
            if items < MAX_EVENTS {
                self.take(items as u64, item);
            }
            items += 1;
        });
        decoded.map_err(|undecodable| IngestError::Malformed(undecodable.0))?;
        if items > MAX_EVENTS { Err(IngestError::TooManyEvents(MAX_EVENTS)) } else { Ok(()) }
    }

    /// A body of a provider's in each line, or a message of a mailbox. One that is undecodable counts as one rejected event; the others stand.
    fn each(
        &mut self,
        body: &[u8],
        provider: Provider,
        mapping: &Mapping,
        packing: Packing,
    ) -> Result<(), IngestError> {
        let (mut index, mut items) = (0, 0);
        let one = |piece: &[u8]| {
            items += self.piece(index, piece, provider, mapping, MAX_EVENTS.saturating_sub(items));
            index += 1;
        };
        match packing {
            Packing::Whole | Packing::Lines => each_line(body, MAX_EVENTS, one)?,
            Packing::Mbox => each_message(body, MAX_EVENTS, one)?,
        }
        if items > MAX_EVENTS { Err(IngestError::TooManyEvents(MAX_EVENTS)) } else { Ok(()) }
    }

    /// Takes a piece if it can be decoded; no more than `most` items of it. Answers how many it has.
    fn piece(&mut self, index: u64, piece: &[u8], provider: Provider, mapping: &Mapping, most: usize) -> usize {
        let Some(piece) = provider.payload(piece) else {
            self.ignore(NOTICE);
            return 1;
        };
        let (mut told, mut items) = (Vec::new(), 0);
        let decoded = provider.decode(&piece, mapping, &mut |item| {
            items += 1;
            if items <= most {
                told.push(item);
            }
        });
        match decoded {
            Ok(()) => told.into_iter().for_each(|item| self.take(index, item)),
            Err(undecodable) => {
                self.reject(index, Mismatch { code: "undecodable", field: None, detail: undecodable.0 });
            }
        }
        items
    }

    fn take(&mut self, index: u64, item: Item<'_>) {
        match item {
            Item::Event(wire) => self.judge(index, Ok(wire)),
            Item::Wrong(mismatch) => self.reject(index, mismatch),
            Item::Ignored(name) => self.ignore(&name),
        }
    }

    fn judge(&mut self, index: u64, wire: Result<Wire<'_>, Mismatch>) {
        if self.record.is_full() {
            return;
        }
        match wire.and_then(|wire| accept::accept(&wire, self.window, |event| self.record.push(event))) {
            Ok(()) => self.taken.receipt.accepted += 1,
            Err(mismatch) => self.reject(index, mismatch),
        }
    }

    fn reject(&mut self, index: u64, Mismatch { code, field, detail }: Mismatch) {
        let receipt = &mut self.taken.receipt;
        receipt.rejected += 1;
        if receipt.errors.len() < MAX_REJECTIONS {
            receipt.errors.push(Rejection { index, code, field, detail });
        }
    }

    fn ignore(&mut self, name: &str) {
        let ignored = &mut self.taken.ignored;
        let name = if ignored.len() < MAX_IGNORED || ignored.contains_key(name) { name } else { OTHER };
        match ignored.get_mut(name) {
            Some(count) => *count += 1,
            None => _ = ignored.insert(name.to_owned(), 1),
        }
    }
}

impl From<BodyError> for IngestError {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::Malformed(detail) => Self::Malformed(detail),
            BodyError::TooMany(limit) => Self::TooManyEvents(limit),
        }
    }
}

#[cfg(test)]
mod tests {
    use schema::Millis;

    use super::*;

    fn intake() -> Intake {
        Intake::new(0, Window::new(Millis(0), 1, None))
    }

    #[test]
    fn ignored_items_are_counted_by_name_as_long_as_there_are_few_names() {
        let mut intake = intake();
        for round in 0..2 {
            for name in 0..MAX_IGNORED + 8 {
                intake.take(round, Item::Ignored(format!("type {name}").into()));
            }
        }
        let ignored = intake.taken.ignored;
        assert_eq!(ignored.len(), MAX_IGNORED + 1);
        assert_eq!((ignored["type 0"], ignored[OTHER]), (2, 16));
    }

    const NOTIFICATION: &str = "Date: Thu, 1 Jan 1970 00:00:00 +0000\nIn-Reply-To: <m>\nContent-Type: message/delivery-status\n\n\
        Final-Recipient: rfc822;a@b.example\nAction: failed\n\nFinal-Recipient: rfc822;c\nAction: failed\n";

    /// How many events are accepted and rejected, and the first rejections, each by its place and code.
    type Outcome = (u64, u64, Vec<(u64, &'static str)>);

    fn from(body: &str, packing: Packing) -> Result<Outcome, String> {
        let window = Window::new(Millis(0), 1, None);
        match parse_from(body.as_bytes(), Provider::Dsn, &Mapping::default(), packing, window) {
            Ok((record, Taken { receipt, .. })) => {
                assert_eq!(u64::from(record.count()), receipt.accepted);
                let errors = receipt.errors.iter().map(|error| (error.index, error.code)).collect();
                Ok((receipt.accepted, receipt.rejected, errors))
            }
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn a_body_is_undecodable_as_a_whole_and_a_message_of_a_mailbox_by_itself() {
        assert_eq!(from(NOTIFICATION, Packing::Whole), Ok((1, 1, vec![(1, "missing_field")])));
        assert!(from("Subject: no report\n\n", Packing::Whole).unwrap_err().contains("RFC 3464"));
        let mbox = format!("From a\n{NOTIFICATION}\nFrom b\nSubject: no report\n\nFrom c\n{NOTIFICATION}");
        let errors = vec![(0, "missing_field"), (1, "undecodable"), (2, "missing_field")];
        assert_eq!(from(&mbox, Packing::Mbox), Ok((2, 3, errors)));
        assert!(from(NOTIFICATION, Packing::Mbox).unwrap_err().contains("mbox"));
    }

    #[test]
    fn more_items_than_a_body_may_have_are_refused_in_every_packing() {
        let block = "Final-Recipient: rfc822;a@b.example\nAction: failed\n\n";
        let half = format!("Content-Type: message/delivery-status\n\n{}", block.repeat(MAX_EVENTS / 2 + 1));
        let whole = format!("{half}{}", block.repeat(MAX_EVENTS / 2 + 1));
        for (body, packing) in [(whole, Packing::Whole), (format!("From a\n{half}\nFrom b\n{half}"), Packing::Mbox)] {
            assert!(from(&body, packing).unwrap_err().contains("more than"));
        }
    }

    #[test]
    fn what_sns_wraps_is_taken_from_archives_too() {
        let told = r#"{\"eventType\":\"Send\",\"mail\":{\"timestamp\":\"1970-01-01T00:00:00Z\",\"messageId\":\"m\",\"destination\":[\"a@b.example\"]}}"#;
        let wrapped = format!(r#"{{"Type":"Notification","Message":"{told}"}}"#);
        let lines =
            format!("{wrapped}\n{}\n{}\n", r#"{"Type":"Notification","Message":"hello"}"#, told.replace('\\', ""));
        let window = Window::new(Millis(0), 1, None);
        for (body, packing, accepted, ignored) in [(&wrapped, Packing::Whole, 1, 0), (&lines, Packing::Lines, 2, 1)] {
            let taken = parse_from(body.as_bytes(), Provider::Ses, &Mapping::default(), packing, window);
            let (_, Taken { receipt, ignored: names }) = taken.unwrap_or_else(|error| panic!("{error}"));
            assert_eq!((receipt.accepted, receipt.rejected), (accepted, 0), "{:?}", receipt.errors);
            assert_eq!(names.values().sum::<u64>(), ignored);
        }
    }

    #[test]
    fn a_body_whose_events_come_to_too_many_bytes_is_refused() {
        let reason = "r".repeat(2000);
        let body = |recipients: usize| {
            let recipients = vec!["\"a@b.example\""; recipients].join(",");
            format!(
                r#"{{"eventType":"Delivery","mail":{{"timestamp":"1970-01-01T00:00:00Z","messageId":"m"}},
                "delivery":{{"recipients":[{recipients}],"smtpResponse":"{reason}"}}}}"#
            )
        };
        let parsed = |recipients| {
            let window = Window::new(Millis(0), 1, None);
            let body = body(recipients);
            let parsed = parse_from(body.as_bytes(), Provider::Ses, &Mapping::default(), Packing::Whole, window);
            parsed.map(|(record, _)| record.finish(&"a".parse().expect("a name"), Millis(0)).len())
        };
        assert!(parsed(60_000).is_ok_and(|bytes| bytes < MAX_RECORD));
        assert!(matches!(parsed(70_000), Err(IngestError::TooLong(MAX_RECORD))));
    }

    #[test]
    fn rejections_are_all_counted_and_some_told() {
        let mut intake = intake();
        for index in 0..250 {
            let mismatch = Mismatch { code: "missing_field", field: Some("recipient".into()), detail: "…".into() };
            intake.take(index, Item::Wrong(mismatch));
        }
        let receipt = intake.taken.receipt;
        assert_eq!((receipt.accepted, receipt.rejected, receipt.errors.len()), (0, 250, MAX_REJECTIONS));
        assert_eq!(receipt.errors[99].index, 99);
    }
}
