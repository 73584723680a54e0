//! Rows of `events`: every distinct event, as accepted.

use clickhouse::native::{Block, builder::BlockBuilder};
use schema::Month;

use super::{
    Insert, Result, Table, by_month, column,
    types::{Fields, Name, Time},
};
use crate::batch::{Batch, Fact};

/// The inserts of a batch's facts.
pub(super) fn inserts(batch: &Batch<'_>, number: u64) -> Result<Vec<Insert>> {
    let months = by_month(batch.facts.iter().collect(), |fact| Month::of(fact.event.time));
    let insert = |(month, rows): (_, Vec<_>)| Ok(Insert { table: Table::Events, month, block: block(&rows, number)? });
    months.into_iter().map(insert).collect()
}

fn block(rows: &[&Fact<'_>], number: u64) -> Result<Block> {
    let facts = || rows.iter().copied();
    let mut builder = BlockBuilder::new();
    column!(builder, "account", &str, facts().map(|fact| fact.account.as_str()));
    column!(builder, "delivery", u128, facts().map(|fact| fact.delivery.0));
    column!(builder, "event_id", u128, facts().map(|fact| fact.id.0));
    column!(builder, "kind", Name, facts().map(|fact| Name(fact.event.kind as u8 + 1)));
    column!(builder, "time", Time, facts().map(|fact| Time(fact.event.time)));
    column!(builder, "accepted_at", Time, facts().map(|fact| Time(fact.accepted_at)));
    column!(builder, "batch", u64, rows.iter().map(|_| number));
    column!(builder, "source_id", &str, facts().map(|fact| fact.event.event_id));
    column!(builder, "message_id", &str, facts().map(|fact| fact.event.message_id));
    column!(builder, "recipient", &str, facts().map(|fact| fact.event.recipient));
    column!(builder, "sender", &str, facts().map(|fact| fact.event.sender));
    column!(builder, "subject", &str, facts().map(|fact| fact.event.subject));
    column!(builder, "campaign", &str, facts().map(|fact| fact.event.campaign));
    column!(builder, "fields", Fields<'_>, facts().map(|fact| Fields(&fact.event.fields)));
    column!(builder, "machine", bool, facts().map(|fact| fact.event.machine));
    column!(builder, "class", Name, facts().map(|fact| Name(fact.event.class.map_or(0, |class| class as u8 + 1))));
    column!(builder, "method", Name, facts().map(|fact| Name(fact.event.method.map_or(0, |method| method as u8 + 1))));
    column!(builder, "url", &str, facts().map(|fact| fact.event.url));
    column!(builder, "reason", &str, facts().map(|fact| fact.event.reason));
    Ok(builder.build()?)
}
