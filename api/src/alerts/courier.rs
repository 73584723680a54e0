//! The courier: takes letters out of the outbox and brings them to their channels, at least once.
//!
//! A letter that is taken is nobody else's for a minute; a crash in between makes it due again. Its id goes along, so that a receiver
//! can tell a repetition.

use std::time::Duration;

use futures::{StreamExt as _, stream};
use schema::Millis;

use tokio::{sync::watch, time::timeout};

use super::{
    Alerts, LetterText,
    channel::{self, ChannelError},
};
use crate::{
    metadata::{
        MetadataError,
        alerts::{Delivery, Topic},
    },
    problem::chain,
};

/// How long a letter is tried, in milliseconds.
const TRY_FOR: i64 = 24 * 3_600_000;
/// How long a letter that is taken belongs to who took it: longer than any attempt takes.
const TAKEN_FOR: i64 = 60_000;
/// How much longer it does while a report is made for it, beyond the time that a report may take.
const MADE_FOR: i64 = 60_000;
/// The first wait after a failure, and the longest, in milliseconds.
const FIRST_WAIT: i64 = 5_000;
const LONGEST_WAIT: i64 = 1_800_000;
/// How many letters are taken and brought at once.
const AT_ONCE: u32 = 8;
/// The same of reports, each of which asks ClickHouse.
const REPORTS_AT_ONCE: u32 = 2;
/// How long it waits for a letter before it looks for those that are due again, and after a failure of the store.
const LOOK: Duration = Duration::from_secs(1);

/// Brings letters of one kind.
pub(crate) struct Courier {
    alerts: Alerts,
    topic: Topic,
}

impl Courier {
    pub(crate) const fn new(alerts: Alerts, topic: Topic) -> Self {
        Self { alerts, topic }
    }

    /// Brings letters until it is told to stop.
    pub(crate) async fn run(self, mut stopped: watch::Receiver<bool>) {
        loop {
            let more = match self.round().await {
                Ok(more) => more,
                Err(error) => {
                    tracing::warn!(error = chain(&error), "the outbox cannot be read or written now");
                    false
                }
            };
            if *stopped.borrow() {
                break;
            }
            if !more {
                let look = timeout(LOOK, self.posted());
                tokio::select! {
                    _ = look => {}
                    _ = stopped.wait_for(|stop| *stop) => break,
                }
            }
        }
    }

    /// Over when there are letters, if it is told. Of reports it is not: they are looked for.
    async fn posted(&self) {
        match self.topic {
            Topic::Alert => self.alerts.posted().await,
            Topic::Report => std::future::pending().await,
        }
    }

    /// Brings what is due. True when there may be more.
    ///
    /// # Errors
    /// When the store does not answer.
    pub(crate) async fn round(&self) -> Result<bool, MetadataError> {
        let metadata = self.alerts.metadata();
        let most = match self.topic {
            Topic::Alert => AT_ONCE,
            Topic::Report => REPORTS_AT_ONCE,
        };
        let letters = metadata.take_letters(self.topic, self.alerts.clock().now(), TAKEN_FOR, most).await?;
        let any = !letters.is_empty();
        let brought = stream::iter(letters).map(|letter| self.bring(letter)).buffer_unordered(most as usize);
        let outcomes: Vec<Result<(), MetadataError>> = brought.collect().await;
        outcomes.into_iter().collect::<Result<(), _>>()?;
        Ok(any)
    }

    async fn bring(&self, letter: Delivery) -> Result<(), MetadataError> {
        let metadata = self.alerts.metadata();
        let outcome = self.attempt(&letter).await?;
        let now = self.alerts.clock().now();
        match outcome {
            Ok(()) => metadata.letter_delivered(&letter.id, now).await,
            // What becomes of it is noted by whoever has it.
            Err(ChannelError::Taken) => Ok(()),
            Err(error) => {
                let again =
                    retry_at(letter.attempts, letter.created_at, now, rand::random()).filter(|_| !error.is_final());
                tracing::warn!(
                    account = letter.account.as_str(),
                    channel = letter.channel,
                    attempt = letter.attempts + 1,
                    dead = again.is_none(),
                    %error,
                    "a letter did not reach its channel"
                );
                metadata.letter_failed(&letter.id, &error.to_string(), again, now).await
            }
        }
    }

    async fn attempt(&self, letter: &Delivery) -> Result<Result<(), ChannelError>, MetadataError> {
        let Some(channel) = self.alerts.metadata().channel(&letter.account, &letter.channel).await? else {
            return Ok(match self.topic {
                // Nobody wants it any more.
                Topic::Alert => Ok(()),
                Topic::Report => Err(ChannelError::Deleted),
            });
        };
        let Ok(text) = serde_json::from_str::<LetterText>(&letter.notice) else {
            return Ok(Err(ChannelError::Settings));
        };
        let (alerts, account) = (&self.alerts, &letter.account);
        let dispatch = match text {
            LetterText::Alert(notice) => {
                let now = alerts.clock().now();
                return Ok(channel::deliver(alerts, account, &channel, &notice, &letter.id, now).await);
            }
            LetterText::Report { report } => report,
        };
        // A report may take longer than letters are taken for.
        let keep_for = async |seen: Millis, millis: i64| {
            let until = Millis(alerts.clock().now().0 + millis);
            Ok::<_, MetadataError>(alerts.metadata().keep_letter(&letter.id, seen, until).await?.then_some(until))
        };
        let longest = alerts.reports().map_or(0, |reports| reports.timeout.as_millis());
        let longest = i64::try_from(longest).unwrap_or(TRY_FOR).saturating_add(MADE_FOR);
        let Some(kept) = keep_for(letter.next_at, longest).await? else { return Ok(Err(ChannelError::Taken)) };
        let keep = async || match keep_for(kept, TAKEN_FOR).await {
            Ok(Some(_)) => Ok(()),
            // Without the store nobody knows whose it is; it is due again when it was.
            Ok(None) | Err(_) => Err(ChannelError::Taken),
        };
        Ok(channel::deliver_report(alerts, (account, &channel), &dispatch, &letter.id, keep).await)
    }
}

/// When to try again after a failure: twice as long each time, a random part of it less, until a day is over. `dice` is from 0 to 1.
fn retry_at(attempts: i64, created_at: Millis, now: Millis, dice: f64) -> Option<Millis> {
    if now.0 - created_at.0 >= TRY_FOR {
        return None;
    }
    let doublings = u32::try_from(attempts.clamp(0, 20)).unwrap_or(20);
    let wait = (FIRST_WAIT << doublings).min(LONGEST_WAIT);
    #[expect(clippy::cast_possible_truncation, reason = "half an hour of milliseconds")]
    let jitter = (wait as f64 / 2.0 * dice.clamp(0.0, 1.0)) as i64;
    Some(Millis(now.0 + wait - jitter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_half_an_hour_less_a_random_part_and_end_after_a_day() {
        let wait = |attempts, dice| retry_at(attempts, Millis(0), Millis(1_000), dice).unwrap().0 - 1_000;
        assert_eq!([wait(0, 0.0), wait(1, 0.0), wait(2, 0.0), wait(30, 0.0)], [5_000, 10_000, 20_000, 1_800_000]);
        assert_eq!(wait(1, 1.0), 5_000);
        assert_eq!(retry_at(3, Millis(0), Millis(TRY_FOR), 0.5), None);
    }
}
