//! What is counted of sources: numbers that only grow, by counter and label.

use std::collections::{BTreeMap, BTreeSet};

use schema::Millis;
use sqlx::Row as _;

use crate::metadata::{Metadata, MetadataError};

/// How many labels a counter of a source may have; what is beyond counts as the last one.
const LABELS: usize = 64;
/// The last one.
const OTHER: &str = "other";

/// What was counted of a source since it was stored last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Delta {
    /// Numbers by counter and label; the label is empty where there is nothing to tell apart.
    pub(crate) counts: BTreeMap<(&'static str, String), u64>,
    /// When a body was taken last.
    pub(crate) seen_at: Option<Millis>,
}

impl Metadata {
    /// Adds what was counted of sources, by their ids. What is of a source that is gone is dropped.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached: then nothing was added.
    pub(crate) async fn add_counts(&self, deltas: &BTreeMap<String, Delta>) -> Result<(), MetadataError> {
        let mut transaction = self.pool.begin().await?;
        for (source, delta) in deltas {
            // This comes first, for it locks the source.
            let statement = "UPDATE sources SET seen_at = CASE WHEN seen_at IS NULL OR seen_at < $2 THEN COALESCE($2, seen_at) ELSE seen_at END WHERE id = $1";
            let touch = sqlx::query(statement).bind(source).bind(delta.seen_at.map(|seen| seen.0));
            if touch.execute(&mut *transaction).await?.rows_affected() == 0 {
                continue;
            }
            let rows = sqlx::query("SELECT counter, label FROM source_counts WHERE source = $1").bind(source);
            let mut known = BTreeMap::<String, BTreeSet<String>>::new();
            for row in rows.fetch_all(&mut *transaction).await? {
                known.entry(row.try_get("counter")?).or_default().insert(row.try_get("label")?);
            }
            for ((counter, label), value) in &delta.counts {
                let labels = known.entry((*counter).to_owned()).or_default();
                let label = if labels.contains(label) || labels.len() < LABELS { label } else { OTHER };
                labels.insert(label.to_owned());
                let statement = "INSERT INTO source_counts (source, counter, label, value) VALUES ($1, $2, $3, $4) \
                                 ON CONFLICT (source, counter, label) DO UPDATE SET value = source_counts.value + excluded.value";
                let value = i64::try_from(*value).unwrap_or(i64::MAX);
                let query = sqlx::query(statement).bind(source).bind(*counter).bind(label).bind(value);
                query.execute(&mut *transaction).await?;
            }
        }
        transaction.commit().await?;
        Ok(())
    }

    /// What was counted of a source, by counter and label.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn counts(&self, source: &str) -> Result<Vec<(String, String, u64)>, MetadataError> {
        let statement = "SELECT counter, label, value FROM source_counts WHERE source = $1 ORDER BY counter, label";
        let rows = sqlx::query(statement).bind(source).fetch_all(&self.pool).await?;
        let read = |row: &sqlx::any::AnyRow| {
            let value = u64::try_from(row.try_get::<i64, _>("value")?).unwrap_or(0);
            Ok((row.try_get("counter")?, row.try_get("label")?, value))
        };
        rows.iter().map(read).collect()
    }
}
