//! Decisions of the evaluator: the next state of an alert, its entry in the history and the letters that tell of it, in one
//! transaction. So a crash leaves all of it or nothing, and nothing is told twice or lost.

use query::alert::Alert;
use schema::{AccountId, Millis};
use sqlx::{Any, Row as _, Transaction};

use super::{Term, Topic, states::phase_name};
use crate::metadata::{Metadata, MetadataError};

/// A decision about one alert.
#[derive(Clone, Debug)]
pub(crate) struct Decision {
    /// The rule, and the revision that was evaluated.
    pub(crate) rule: String,
    /// Of a rule that has another revision by now nothing is decided.
    pub(crate) revision: i64,
    /// The value that is watched.
    pub(crate) value: String,
    /// The alert from now on; none when it is over.
    pub(crate) next: Option<Alert>,
    /// What the history says of it.
    pub(crate) history: HistoryRow,
    /// Who is told what.
    pub(crate) letters: Vec<Letter>,
}

/// An entry of the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HistoryRow {
    /// What names it; entries sort by it from the oldest.
    pub(crate) id: String,
    /// The rule.
    pub(crate) rule: String,
    /// When.
    pub(crate) at: Millis,
    /// The entry, a JSON document.
    pub(crate) entry: String,
}

/// What one channel is told of one change.
#[derive(Clone, Debug)]
pub(crate) struct Letter {
    /// The idempotency key: the same for the same channel and change, however often it is decided or sent.
    pub(crate) id: String,
    /// The channel.
    pub(crate) channel: String,
    /// The alert, or the delivery of a report: its letters keep their order.
    pub(crate) alert: String,
    /// Their order.
    pub(crate) position: i64,
    /// What is told, a JSON document.
    pub(crate) notice: String,
}

impl Metadata {
    /// Makes decisions come true, those of rules that are still the same. False when somebody else evaluates by now: then nothing was
    /// done.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached: then nothing was done.
    pub(crate) async fn decide(
        &self,
        term: &Term,
        account: &AccountId,
        decisions: &[Decision],
        now: Millis,
    ) -> Result<bool, MetadataError> {
        let mut transaction = self.pool.begin().await?;
        // This comes first, for it takes the lock that orders evaluators.
        if !term.hold(&mut transaction).await? {
            return Ok(false);
        }
        let rows = sqlx::query("SELECT id, revision FROM alert_rules WHERE account = $1").bind(account.as_str());
        let mut revisions = std::collections::HashMap::new();
        for row in rows.fetch_all(&mut *transaction).await? {
            revisions.insert(row.try_get::<String, _>("id")?, row.try_get::<i64, _>("revision")?);
        }
        for decision in decisions {
            if revisions.get(&decision.rule).copied().unwrap_or(0) == decision.revision {
                one(&mut transaction, account, decision, now).await?;
            }
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// Notes in the history what people did.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn note_history(&self, account: &AccountId, row: &HistoryRow) -> Result<(), MetadataError> {
        let mut transaction = self.pool.begin().await?;
        note(&mut transaction, account, row).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Forgets what is long over: entries of the history before one time, letters that were delivered or given up before another.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn forget_alerts(&self, history: Millis, letters: Millis) -> Result<(), MetadataError> {
        sqlx::query("DELETE FROM alert_history WHERE at < $1").bind(history.0).execute(&self.pool).await?;
        let old = "DELETE FROM alert_outbox WHERE state <> 'waiting' AND done_at < $1";
        sqlx::query(old).bind(letters.0).execute(&self.pool).await?;
        Ok(())
    }

    /// The history of an account, of one rule if one is named, from the latest, those before an entry if one is named.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn history(
        &self,
        account: &AccountId,
        rule: &str,
        before: &str,
        limit: u32,
    ) -> Result<Vec<HistoryRow>, MetadataError> {
        let statement = "SELECT id, rule, at, entry FROM alert_history WHERE account = $1 AND ($2 = '' OR rule = $2) \
                         AND ($3 = '' OR id < $3) ORDER BY id DESC LIMIT $4";
        let query = sqlx::query(statement).bind(account.as_str()).bind(rule).bind(before).bind(i64::from(limit));
        query.fetch_all(&self.pool).await?.iter().map(read).collect()
    }

    /// What came into the history after an entry, from the oldest.
    ///
    /// # Errors
    /// When the database refuses or cannot be reached.
    pub(crate) async fn history_after(
        &self,
        account: &AccountId,
        after: &str,
    ) -> Result<Vec<HistoryRow>, MetadataError> {
        let statement =
            "SELECT id, rule, at, entry FROM alert_history WHERE account = $1 AND id > $2 ORDER BY id LIMIT 1000";
        let query = sqlx::query(statement).bind(account.as_str()).bind(after);
        query.fetch_all(&self.pool).await?.iter().map(read).collect()
    }
}

fn read(row: &sqlx::any::AnyRow) -> Result<HistoryRow, MetadataError> {
    Ok(HistoryRow {
        id: row.try_get("id")?,
        rule: row.try_get("rule")?,
        at: Millis(row.try_get("at")?),
        entry: row.try_get("entry")?,
    })
}

async fn one(
    transaction: &mut Transaction<'_, Any>,
    account: &AccountId,
    decision: &Decision,
    now: Millis,
) -> Result<(), MetadataError> {
    let Decision { rule, value, next, history, letters, .. } = decision;
    if let Some(alert) = next {
        move_state(transaction, account, (rule, value), alert).await?;
    } else {
        let statement = "DELETE FROM alert_states WHERE account = $1 AND rule = $2 AND value = $3";
        sqlx::query(statement).bind(account.as_str()).bind(rule).bind(value).execute(&mut **transaction).await?;
    }
    note(transaction, account, history).await?;
    for letter in letters {
        post(transaction, account, letter, Topic::Alert, now).await?;
    }
    Ok(())
}

/// What people did to the alert stays as it is.
async fn move_state(
    transaction: &mut Transaction<'_, Any>,
    account: &AccountId,
    (rule, value): (&str, &str),
    alert: &Alert,
) -> Result<(), MetadataError> {
    let statement = "INSERT INTO alert_states (account, rule, value, phase, since, range_from, range_to, numbers, told_at) \
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (account, rule, value) DO UPDATE SET \
                     phase = excluded.phase, since = excluded.since, range_from = excluded.range_from, \
                     range_to = excluded.range_to, numbers = excluded.numbers, told_at = excluded.told_at";
    let numbers = serde_json::to_string(&alert.evidence.numbers).expect("numbers are plain data");
    let query = sqlx::query(statement).bind(account.as_str()).bind(rule).bind(value);
    let query = query.bind(phase_name(alert.phase)).bind(alert.since.0);
    let query = query.bind(i64::from(alert.evidence.range.from)).bind(i64::from(alert.evidence.range.to));
    query.bind(numbers).bind(alert.told.map(|told| told.0)).execute(&mut **transaction).await?;
    Ok(())
}

async fn note(
    transaction: &mut Transaction<'_, Any>,
    account: &AccountId,
    row: &HistoryRow,
) -> Result<(), MetadataError> {
    let statement = "INSERT INTO alert_history (account, id, rule, at, entry) VALUES ($1, $2, $3, $4, $5)";
    let query =
        sqlx::query(statement).bind(account.as_str()).bind(&row.id).bind(&row.rule).bind(row.at.0).bind(&row.entry);
    query.execute(&mut **transaction).await?;
    Ok(())
}

/// Puts a letter into the outbox, unless it is there.
pub(in crate::metadata) async fn post(
    transaction: &mut Transaction<'_, Any>,
    account: &AccountId,
    letter: &Letter,
    topic: Topic,
    now: Millis,
) -> Result<(), MetadataError> {
    let statement = "INSERT INTO alert_outbox (id, account, channel, alert, position, notice, created_at, attempts, next_at, state, topic) \
                     VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $7, 'waiting', $8) ON CONFLICT (id) DO NOTHING";
    let query =
        sqlx::query(statement).bind(&letter.id).bind(account.as_str()).bind(&letter.channel).bind(&letter.alert);
    query.bind(letter.position).bind(&letter.notice).bind(now.0).bind(topic.name()).execute(&mut **transaction).await?;
    Ok(())
}
