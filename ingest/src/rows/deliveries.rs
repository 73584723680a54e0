//! Rows of `deliveries`: the latest state of every delivery.

use schema::{Millis, Month};

use super::{
    Insert, Table, by_month,
    native::{Block, Encoded},
    types::{TIME, day, or_never},
};
use crate::{
    batch::{Batch, Touched},
    delivery::{Delivery, Outcome},
};

/// The inserts of the deliveries that a batch touched.
pub(super) fn inserts(batch: &Batch<'_>, version: u64) -> Vec<Insert> {
    let months = by_month(rows(batch), |row| Month::of(row.sent_at));
    let insert = |(month, rows): (_, Vec<_>)| Insert { table: Table::Deliveries, month, block: block(&rows, version) };
    months.into_iter().map(insert).collect()
}

/// A row of `deliveries`: the state after the batch, or the tombstone of a state that moved to another day.
struct DeliveryRow<'t, 's> {
    touched: &'t Touched<'s>,
    /// Its day is part of the table's key.
    sent_at: Millis,
    deleted: bool,
}

fn rows<'t, 's>(batch: &'t Batch<'s>) -> Vec<DeliveryRow<'t, 's>> {
    let mut rows = Vec::with_capacity(batch.touched.len());
    for touched in &batch.touched {
        let sent_at = touched.delivery.sent_at().unwrap_or_default();
        if let Some(before) = touched.sent_before.filter(|before| day(*before) != day(sent_at)) {
            rows.push(DeliveryRow { touched, sent_at: before, deleted: true });
        }
        rows.push(DeliveryRow { touched, sent_at, deleted: false });
    }
    rows.sort_by_cached_key(|row| (row.touched.account, day(row.sent_at), row.touched.key));
    rows
}

/// The bytes of a row of usual texts.
const ROW: usize = 330;

fn block(rows: &[DeliveryRow<'_, '_>], version: u64) -> Encoded {
    let touched = || rows.iter().map(|row| row.touched);
    let states = || touched().map(|touched| &touched.delivery);
    let mut block = Block::new(rows.len(), ROW);
    block.dictionary("account", touched().map(|touched| touched.account.as_str()));
    block.fixed("sent_day", "Date", rows.iter().map(|row| day(row.sent_at).to_le_bytes()));
    block.fixed("delivery", "UInt128", touched().map(|touched| touched.key.0.to_le_bytes()));
    block.fixed("version", "UInt64", rows.iter().map(|_| version.to_le_bytes()));
    block.fixed("deleted", "UInt8", rows.iter().map(|row| [u8::from(row.deleted)]));
    block.text("message_id", touched().map(|touched| touched.message_id));
    block.text("recipient", touched().map(|touched| touched.recipient));
    block.fixed("recipient_hash", "UInt128", touched().map(|touched| touched.recipient_hash.0.to_le_bytes()));
    block.dictionary("recipient_domain", touched().map(|touched| schema::domain_of(touched.recipient)));
    block.dictionary("sender", states().map(|delivery| delivery.attributes.sender()));
    block.dictionary("subject", states().map(|delivery| delivery.attributes.subject()));
    block.dictionary("campaign", states().map(|delivery| delivery.attributes.campaign()));
    let fields: Vec<Vec<_>> = states().map(|delivery| delivery.attributes.fields().collect()).collect();
    block.map("fields", fields.iter().map(|fields| &fields[..]));
    outcome_columns(&mut block, &states().map(|delivery| Outcomes::of(delivery.outcome())).collect::<Vec<_>>());
    time_columns(&mut block, rows);
    block.finish()
}

/// A time of a delivery, if it has one.
type At<'s> = fn(&Delivery<'s>) -> Option<Millis>;

fn time_columns<'s>(block: &mut Block, rows: &[DeliveryRow<'_, 's>]) {
    let columns: [(&str, At<'s>); 8] = [
        ("sent_at", Delivery::sent_at),
        ("last_event_at", Delivery::last_event_at),
        ("secured_at", Delivery::secured),
        ("opened_at", Delivery::opened),
        ("machine_opened_at", Delivery::machine_opened),
        ("clicked_at", Delivery::clicked),
        ("complained_at", Delivery::complained),
        ("unsubscribed_at", Delivery::unsubscribed),
    ];
    for (name, at) in columns {
        block.fixed(name, TIME, rows.iter().map(|row| or_never(at(&row.touched.delivery))));
    }
}

fn outcome_columns(block: &mut Block, outcomes: &[Outcomes]) {
    block.dictionary("outcome", outcomes.iter().map(|outcome| outcome.name));
    block.dictionary("class", outcomes.iter().map(|outcome| outcome.class));
    block.fixed("delivered_at", TIME, outcomes.iter().map(|outcome| or_never(outcome.delivered_at)));
    block.fixed("failed_at", TIME, outcomes.iter().map(|outcome| or_never(outcome.failed_at)));
}

/// An outcome, as columns.
struct Outcomes {
    name: &'static str,
    class: &'static str,
    delivered_at: Option<Millis>,
    failed_at: Option<Millis>,
}

impl Outcomes {
    const fn of(outcome: Outcome) -> Self {
        let (name, class, delivered_at, failed_at) = match outcome {
            Outcome::Delivered(time) => ("delivered", "", Some(time), None),
            Outcome::Failed(time, class) => ("failed", class.name(), None, Some(time)),
            Outcome::Pending => ("pending", "", None, None),
        };
        Self { name, class, delivered_at, failed_at }
    }
}
