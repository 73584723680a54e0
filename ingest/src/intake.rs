//! The pure part of acceptance: from a body to the record of what is accepted, and what became of each thing that it tells.

use std::collections::BTreeMap;

use crate::{
    IngestError, Position, Receipt, Rejection, Taken,
    accept::{self, MAX_EVENTS, Window},
    decode::{BodyError, BodyFormat, Item, Mapping, Mismatch, Packing, Provider, Wire, each_event, each_line},
    record::RecordBuilder,
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
    Ok((intake.record, intake.taken.receipt))
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
        Packing::Lines => intake.lines(body, provider, mapping)?,
    }
    Ok((intake.record, intake.taken))
}

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

    /// One body of a provider's. When it is undecodable, the caller drops what was taken before.
    fn whole(&mut self, body: &[u8], provider: Provider, mapping: &Mapping) -> Result<(), IngestError> {
        let mut items = 0;
        let decoded = provider.decode(body, mapping, &mut |item| {
            if items < MAX_EVENTS {
                self.take(items as u64, item);
            }
            items += 1;
        });
        decoded.map_err(|undecodable| IngestError::Malformed(undecodable.0))?;
        if items > MAX_EVENTS { Err(IngestError::TooManyEvents(MAX_EVENTS)) } else { Ok(()) }
    }

    /// A body of a provider's in each line. One that is undecodable counts as one rejected event; the others stand.
    fn lines(&mut self, body: &[u8], provider: Provider, mapping: &Mapping) -> Result<(), IngestError> {
        let (mut line, mut items) = (0, 0);
        let mut told = Vec::new();
        each_line(body, MAX_EVENTS, |text| {
            let decoded = provider.decode(text, mapping, &mut |item| {
                items += 1;
                if items <= MAX_EVENTS {
                    told.push(item);
                }
            });
            match decoded {
                Ok(()) => told.drain(..).for_each(|item| self.take(line, item)),
                Err(undecodable) => {
                    told.clear();
                    self.reject(line, Mismatch { code: "undecodable", field: None, detail: undecodable.0 });
                }
            }
            line += 1;
        })?;
        if items > MAX_EVENTS { Err(IngestError::TooManyEvents(MAX_EVENTS)) } else { Ok(()) }
    }

    fn take(&mut self, index: u64, item: Item<'_>) {
        match item {
            Item::Event(wire) => self.judge(index, Ok(wire)),
            Item::Wrong(mismatch) => self.reject(index, mismatch),
            Item::Ignored(name) => self.ignore(&name),
        }
    }

    fn judge(&mut self, index: u64, wire: Result<Wire<'_>, Mismatch>) {
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
