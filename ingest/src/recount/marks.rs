//! What was judged of deliveries and does not follow from their events: which of their attributes reports show as other. It is read beside
//! the events, in the same order, so that no more of it than a run needs is in memory.

use clickhouse::{Row, query::RowCursor};
use schema::{ClickHouse, DELIVERIES, DeliveryKey};
use serde::Deserialize;

use super::{Result, Scope, source::touched, statement::statement};
use crate::limits::{Judged, Others};

/// A delivery with such an attribute; nearly always there is none.
#[derive(Row, Deserialize)]
struct Mark<'m> {
    owner: &'m str,
    key: u128,
    bits: u128,
}

/// A delivery's place in the order of events.
pub(super) type Place = (String, u128);

/// The marks in the order of their deliveries.
pub(super) struct Marks {
    cursor: RowCursor<Mark<'static>>,
    /// The one that was read last.
    next: Option<(Place, Others)>,
}

impl Marks {
    pub(super) async fn open(clickhouse: &ClickHouse, scope: &Scope) -> Result<Self> {
        let cursor = scope.bind(statement(clickhouse, &select(scope))).fetch()?;
        let mut marks = Self { cursor, next: None };
        marks.read().await?;
        Ok(marks)
    }

    /// The marks of all deliveries that come before this one, and of this one, whose events may go on in the next run.
    pub(super) async fn until(&mut self, last: &Place) -> Result<Judged> {
        let mut judged = Judged::default();
        while let Some((place, others)) = &self.next
            && place <= last
        {
            judged.insert(DeliveryKey(place.1), *others);
            if place == last {
                break;
            }
            self.read().await?;
        }
        Ok(judged)
    }

    async fn read(&mut self) -> Result<()> {
        let mark = self.cursor.next().await?;
        self.next = mark.map(|Mark { owner, key, bits }| ((owner.to_owned(), key), Others::of_bits(bits)));
        Ok(())
    }
}

fn select(scope: &Scope) -> String {
    let condition = touched(scope);
    format!(
        "SELECT CAST(stored.account, 'String') AS owner, stored.delivery AS key, stored.others AS bits
FROM {DELIVERIES} AS stored FINAL
WHERE stored.others != 0 AND {condition}
ORDER BY stored.account, stored.delivery"
    )
}
