//! A batch as columnar blocks for the three tables, in ClickHouse's Native format; rows come in the order of the tables' keys, so
//! that ClickHouse has nothing to sort.

use std::iter::repeat_n;

use clickhouse::native::{
    Block, DataTypeNode,
    builder::BlockBuilder,
    encode::{Encode, ValueWriter},
};
use schema::{MailboxProvider, Measure, Millis, WEIGHT};

use crate::{
    batch::{Batch, Touched},
    delivery::Outcome,
};

type BoxedError = Box<dyn std::error::Error + Send + Sync>;
type Result<T> = std::result::Result<T, BoxedError>;

/// The blocks of a batch; `None` where a table gets no rows.
pub(crate) struct Blocks {
    pub(crate) events: Option<Block>,
    pub(crate) deliveries: Option<Block>,
    pub(crate) cube: Option<Block>,
}

impl Blocks {
    /// Builds the blocks; `version` orders the states of a delivery.
    pub(crate) fn of(batch: &Batch<'_>, version: u64) -> Result<Self> {
        let mut blocks = Self { events: None, deliveries: None, cube: None };
        if !batch.facts.is_empty() {
            blocks.events = Some(events(batch)?);
            blocks.deliveries = Some(deliveries(batch, version)?);
        }
        if !batch.cube.cells.is_empty() {
            blocks.cube = Some(cube(batch)?);
        }
        Ok(blocks)
    }
}

/// Adds one column: `column!(builder, "name": Type = iterator)`.
macro_rules! column {
    ($builder:ident, $name:expr, $type:ty, $values:expr) => {
        $builder.upsert_column::<$type>($name)?.add_all($values)?;
    };
}

fn events(batch: &Batch<'_>) -> Result<Block> {
    let facts = || batch.facts.iter();
    let mut builder = BlockBuilder::new();
    column!(builder, "account", &str, facts().map(|fact| fact.account.as_str()));
    column!(builder, "delivery", u128, facts().map(|fact| fact.delivery.0));
    column!(builder, "event_id", u128, facts().map(|fact| fact.id.0));
    column!(builder, "kind", &str, facts().map(|fact| fact.event.kind.name()));
    column!(builder, "time", Time, facts().map(|fact| Time(fact.event.time)));
    column!(builder, "accepted_at", Time, facts().map(|fact| Time(fact.accepted_at)));
    column!(builder, "source_id", &str, facts().map(|fact| fact.event.event_id));
    column!(builder, "message_id", &str, facts().map(|fact| fact.event.message_id));
    column!(builder, "recipient", &str, facts().map(|fact| fact.event.recipient));
    let hashes = batch.touched.iter().flat_map(|touched| repeat_n(touched.recipient_hash.0, touched.facts));
    column!(builder, "recipient_hash", u128, hashes);
    column!(builder, "recipient_domain", &str, facts().map(|fact| schema::domain_of(fact.event.recipient)));
    column!(builder, "sender", &str, facts().map(|fact| fact.event.sender));
    column!(builder, "subject", &str, facts().map(|fact| fact.event.subject));
    column!(builder, "campaign", &str, facts().map(|fact| fact.event.campaign));
    column!(builder, "fields", Fields<'_>, facts().map(|fact| Fields(&fact.event.fields)));
    column!(builder, "machine", bool, facts().map(|fact| fact.event.machine));
    column!(builder, "class", &str, facts().map(|fact| fact.event.class.map_or("", schema::FailureClass::name)));
    column!(builder, "method", &str, facts().map(|fact| fact.event.method.map_or("", schema::SecureMethod::name)));
    column!(builder, "url", &str, facts().map(|fact| fact.event.url));
    column!(builder, "reason", &str, facts().map(|fact| fact.event.reason));
    Ok(builder.build()?)
}

/// A row of `deliveries`: the state after the batch, or the tombstone of a state that moved to another day.
struct DeliveryRow<'t, 's> {
    touched: &'t Touched<'s>,
    sent_day: Day,
    deleted: bool,
}

fn delivery_rows<'t, 's>(batch: &'t Batch<'s>) -> Vec<DeliveryRow<'t, 's>> {
    let mut rows = Vec::with_capacity(batch.touched.len());
    for touched in &batch.touched {
        let sent_day = Day::of(touched.delivery.sent_at().unwrap_or_default());
        if let Some(moved) = touched.sent_before.map(Day::of).filter(|day| *day != sent_day) {
            rows.push(DeliveryRow { touched, sent_day: moved, deleted: true });
        }
        rows.push(DeliveryRow { touched, sent_day, deleted: false });
    }
    rows.sort_by_cached_key(|row| (row.touched.account, row.sent_day, row.touched.key));
    rows
}

fn deliveries(batch: &Batch<'_>, version: u64) -> Result<Block> {
    let rows = delivery_rows(batch);
    let touched = || rows.iter().map(|row| row.touched);
    let state = || touched().map(|touched| &touched.delivery);
    let mut builder = BlockBuilder::new();
    column!(builder, "account", &str, touched().map(|touched| touched.account.as_str()));
    column!(builder, "sent_day", Day, rows.iter().map(|row| row.sent_day));
    column!(builder, "delivery", u128, touched().map(|touched| touched.key.0));
    column!(builder, "version", u64, rows.iter().map(|_| version));
    column!(builder, "deleted", u8, rows.iter().map(|row| u8::from(row.deleted)));
    column!(builder, "message_id", &str, touched().map(|touched| touched.message_id));
    column!(builder, "recipient", &str, touched().map(|touched| touched.recipient));
    column!(builder, "recipient_hash", u128, touched().map(|touched| touched.recipient_hash.0));
    let domains = || touched().map(|touched| schema::domain_of(touched.recipient));
    column!(builder, "recipient_domain", &str, domains());
    column!(builder, "mailbox_provider", &str, domains().map(|domain| MailboxProvider::of_domain(domain).name()));
    column!(builder, "sender", &str, state().map(|delivery| delivery.attributes.sender()));
    column!(builder, "sender_domain", &str, state().map(|delivery| schema::domain_of(delivery.attributes.sender())));
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

fn cube(batch: &Batch<'_>) -> Result<Block> {
    let mut order: Vec<usize> = (0..batch.cube.dimensions.len()).collect();
    order.sort_unstable_by_key(|place| &batch.cube.dimensions[*place]);
    let mut ranks = vec![0; order.len()];
    for (rank, place) in order.into_iter().enumerate() {
        ranks[place] = rank;
    }
    let account = |place: usize| batch.cube.dimensions[place].account;
    let mut cells: Vec<_> = batch.cube.cells.iter().collect();
    cells.sort_by_cached_key(|((place, basis, bucket), _)| (account(*place), *basis, *bucket, ranks[*place]));
    let dimensions = || cells.iter().map(|((place, ..), _)| &batch.cube.dimensions[*place]);
    let mut builder = BlockBuilder::new();
    column!(builder, "account", &str, dimensions().map(|key| key.account.as_str()));
    column!(builder, "basis", u8, cells.iter().map(|((_, basis, _), _)| basis.code()));
    column!(builder, "bucket", Bucket, cells.iter().map(|((_, _, bucket), _)| Bucket(*bucket)));
    column!(builder, "campaign", &str, dimensions().map(|key| key.campaign));
    column!(builder, "subject", &str, dimensions().map(|key| key.subject));
    column!(builder, "sender", &str, dimensions().map(|key| key.sender));
    column!(builder, "sender_domain", &str, dimensions().map(|key| schema::domain_of(key.sender)));
    column!(builder, "recipient_domain", &str, dimensions().map(|key| key.recipient_domain));
    let provider = |domain| MailboxProvider::of_domain(domain).name();
    column!(builder, "mailbox_provider", &str, dimensions().map(|key| provider(key.recipient_domain)));
    column!(builder, "fields", Fields<'_>, dimensions().map(|key| Fields(&key.fields)));
    for measure in Measure::ALL {
        column!(builder, measure.name(), i64, cells.iter().map(|(_, measures)| measures[*measure]));
    }
    column!(builder, WEIGHT, i64, cells.iter().map(|(_, measures)| measures.weight()));
    Ok(builder.build()?)
}

/// `DateTime64(3, 'UTC')`.
#[derive(Clone, Copy)]
struct Time(Millis);

impl Time {
    /// 1970 stands for never: a column of nulls would cost another column.
    fn or_never(time: Option<Millis>) -> Self {
        Self(time.unwrap_or_default())
    }
}

impl Encode for Time {
    fn produces() -> DataTypeNode {
        DataTypeNode::new("DateTime64(3, 'UTC')").expect("the type is spelled right")
    }

    fn encode(&self, writer: &mut ValueWriter<'_>) -> Result<()> {
        Ok(writer.write_fixed(&self.0.0.to_le_bytes())?)
    }
}

/// `DateTime('UTC')`.
struct Bucket(schema::Bucket);

impl Encode for Bucket {
    fn produces() -> DataTypeNode {
        DataTypeNode::DateTime(Some("UTC".into()))
    }

    fn encode(&self, writer: &mut ValueWriter<'_>) -> Result<()> {
        Ok(writer.write_fixed(&self.0.0.to_le_bytes())?)
    }
}

/// `Date`: days since 1970 in UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Day(u16);

impl Day {
    fn of(time: Millis) -> Self {
        let days = time.0.div_euclid(24 * 3600 * 1000).clamp(0, i64::from(u16::MAX));
        Self(u16::try_from(days).unwrap_or(u16::MAX))
    }
}

impl Encode for Day {
    fn produces() -> DataTypeNode {
        DataTypeNode::Date
    }

    fn encode(&self, writer: &mut ValueWriter<'_>) -> Result<()> {
        Ok(writer.write_fixed(&self.0.to_le_bytes())?)
    }
}

/// `Map(String, String)` from a sorted list.
struct Fields<'f>(&'f [(&'f str, &'f str)]);

impl Encode for Fields<'_> {
    fn produces() -> DataTypeNode {
        DataTypeNode::Map([Box::new(DataTypeNode::String), Box::new(DataTypeNode::String)])
    }

    fn encode(&self, writer: &mut ValueWriter<'_>) -> Result<()> {
        let mut map = writer.write_map::<&str, &str>()?;
        for (name, value) in self.0 {
            map.write(name, value)?;
        }
        map.finish();
        Ok(())
    }
}
