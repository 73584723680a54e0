//! Rows of `events`: every distinct event, as accepted.

use schema::Month;

use super::{
    Insert, Table, by_month,
    native::{Block, Encoded},
    types::{TIME, time},
};
use crate::batch::{Batch, Fact};

/// The inserts of a batch's facts.
pub(super) fn inserts(batch: &Batch<'_>, number: u64) -> Vec<Insert> {
    let months = by_month(batch.facts.iter().collect(), |fact| Month::of(fact.event.time));
    let insert = |(month, rows): (_, Vec<_>)| Insert { table: Table::Events, month, block: block(&rows, number) };
    months.into_iter().map(insert).collect()
}

/// The bytes of a row of usual texts.
const ROW: usize = 300;

fn block(rows: &[&Fact<'_>], number: u64) -> Encoded {
    let facts = || rows.iter();
    let events = || facts().map(|fact| &fact.event);
    let mut block = Block::new(rows.len(), ROW);
    block.dictionary("account", facts().map(|fact| fact.account.as_str()));
    block.fixed("delivery", "UInt128", facts().map(|fact| fact.delivery.0.to_le_bytes()));
    block.fixed("event_id", "UInt128", facts().map(|fact| fact.id.0.to_le_bytes()));
    // ClickHouse takes the numbers of an enumeration for its names.
    block.fixed("kind", "Int8", events().map(|event| [event.kind as u8 + 1]));
    block.fixed("class", "Int8", events().map(|event| [event.class.map_or(0, |class| class as u8 + 1)]));
    block.fixed("method", "Int8", events().map(|event| [event.method.map_or(0, |method| method as u8 + 1)]));
    block.fixed("machine", "Bool", events().map(|event| [u8::from(event.machine)]));
    block.fixed("time", TIME, events().map(|event| time(event.time)));
    block.fixed("accepted_at", TIME, facts().map(|fact| time(fact.accepted_at)));
    block.fixed("batch", "UInt64", rows.iter().map(|_| number.to_le_bytes()));
    block.text("source_id", events().map(|event| event.event_id));
    block.text("message_id", events().map(|event| event.message_id));
    block.text("recipient", events().map(|event| event.recipient));
    block.dictionary("sender", events().map(|event| event.sender));
    block.dictionary("subject", events().map(|event| event.subject));
    block.dictionary("campaign", events().map(|event| event.campaign));
    block.map("fields", events().map(|event| &event.fields[..]));
    block.text("url", events().map(|event| event.url));
    block.text("reason", events().map(|event| event.reason));
    block.finish()
}
