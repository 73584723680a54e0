//! Rows of `deliveries`: the latest state of every delivery.

use clickhouse::native::{Block, builder::BlockBuilder};
use schema::{Millis, Month};

use super::{
    Insert, Result, Table, by_month, column,
    types::{Day, Fields, Time},
};
use crate::{
    batch::{Batch, Touched},
    delivery::Outcome,
};

/// The inserts of the deliveries that a batch touched.
pub(super) fn inserts(batch: &Batch<'_>, version: u64) -> Result<Vec<Insert>> {
    let months = by_month(rows(batch), |row| Month::of(row.sent_at));
    let insert =
        |(month, rows): (_, Vec<_>)| Ok(Insert { table: Table::Deliveries, month, block: block(&rows, version)? });
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
        if let Some(before) = touched.sent_before.filter(|before| Day::of(*before) != Day::of(sent_at)) {
            rows.push(DeliveryRow { touched, sent_at: before, deleted: true });
        }
        rows.push(DeliveryRow { touched, sent_at, deleted: false });
    }
    rows.sort_by_cached_key(|row| (row.touched.account, Day::of(row.sent_at), row.touched.key));
    rows
}

fn block(rows: &[DeliveryRow<'_, '_>], version: u64) -> Result<Block> {
    let touched = || rows.iter().map(|row| row.touched);
    let state = || touched().map(|touched| &touched.delivery);
    let mut builder = BlockBuilder::new();
    column!(builder, "account", &str, touched().map(|touched| touched.account.as_str()));
    column!(builder, "sent_day", Day, rows.iter().map(|row| Day::of(row.sent_at)));
    column!(builder, "delivery", u128, touched().map(|touched| touched.key.0));
    column!(builder, "version", u64, rows.iter().map(|_| version));
    column!(builder, "deleted", u8, rows.iter().map(|row| u8::from(row.deleted)));
    column!(builder, "message_id", &str, touched().map(|touched| touched.message_id));
    column!(builder, "recipient", &str, touched().map(|touched| touched.recipient));
    column!(builder, "recipient_hash", u128, touched().map(|touched| touched.recipient_hash.0));
    column!(builder, "recipient_domain", &str, touched().map(|touched| schema::domain_of(touched.recipient)));
    column!(builder, "sender", &str, state().map(|delivery| delivery.attributes.sender()));
    column!(builder, "subject", &str, state().map(|delivery| delivery.attributes.subject()));
    column!(builder, "campaign", &str, state().map(|delivery| delivery.attributes.campaign()));
    let fields: Vec<Vec<_>> = state().map(|delivery| delivery.attributes.fields().collect()).collect();
    column!(builder, "fields", Fields<'_>, fields.iter().map(|fields| Fields(fields)));
    let outcomes: Vec<Outcomes> = state().map(|delivery| Outcomes::of(delivery.outcome())).collect();
    column!(builder, "outcome", &str, outcomes.iter().map(|outcome| outcome.name));
    column!(builder, "class", &str, outcomes.iter().map(|outcome| outcome.class));
    column!(builder, "sent_at", Time, state().map(|delivery| Time(delivery.sent_at().unwrap_or_default())));
    column!(builder, "last_event_at", Time, state().map(|delivery| Time(delivery.last_event_at().unwrap_or_default())));
    column!(builder, "delivered_at", Time, outcomes.iter().map(|outcome| Time::or_never(outcome.delivered_at)));
    column!(builder, "failed_at", Time, outcomes.iter().map(|outcome| Time::or_never(outcome.failed_at)));
    column!(builder, "secured_at", Time, state().map(|delivery| Time::or_never(delivery.secured())));
    column!(builder, "opened_at", Time, state().map(|delivery| Time::or_never(delivery.opened())));
    column!(builder, "machine_opened_at", Time, state().map(|delivery| Time::or_never(delivery.machine_opened())));
    column!(builder, "clicked_at", Time, state().map(|delivery| Time::or_never(delivery.clicked())));
    column!(builder, "complained_at", Time, state().map(|delivery| Time::or_never(delivery.complained())));
    column!(builder, "unsubscribed_at", Time, state().map(|delivery| Time::or_never(delivery.unsubscribed())));
    Ok(builder.build()?)
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
