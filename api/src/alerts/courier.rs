//! The courier: takes letters out of the outbox and brings them to their channels, at least once.
//!
//! A letter that is taken is nobody else's for a minute; a crash in between makes it due again. Its id goes along, so that a receiver
//! can tell a repetition.

use futures::{StreamExt as _, stream};
use schema::Millis;

use super::{
    Alerts,
    channel::{self, ChannelError},
    notice::Notice,
};
use crate::metadata::{MetadataError, alerts::Delivery};

/// How long a letter is tried, in milliseconds.
const TRY_FOR: i64 = 24 * 3_600_000;
/// How long a letter that is taken belongs to who took it: longer than any attempt takes.
const TAKEN_FOR: i64 = 60_000;
/// The first wait after a failure, and the longest, in milliseconds.
const FIRST_WAIT: i64 = 5_000;
const LONGEST_WAIT: i64 = 1_800_000;
/// How many letters are taken and brought at once.
const AT_ONCE: u32 = 8;

/// Brings letters.
pub(crate) struct Courier {
    alerts: Alerts,
}

impl Courier {
    pub(crate) fn new(alerts: Alerts) -> Self {
        Self { alerts }
    }

    /// Brings what is due. True when there may be more.
    ///
    /// # Errors
    /// When the store does not answer.
    pub(crate) async fn round(&self) -> Result<bool, MetadataError> {
        let metadata = self.alerts.metadata();
        let letters = metadata.take_letters(self.alerts.clock().now(), TAKEN_FOR, AT_ONCE).await?;
        let any = !letters.is_empty();
        let brought = stream::iter(letters).map(|letter| self.bring(letter)).buffer_unordered(AT_ONCE as usize);
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
            Err(error) => {
                let again = retry_at(letter.attempts, letter.created_at, now, rand::random());
                tracing::warn!(
                    account = letter.account.as_str(),
                    channel = letter.channel,
                    attempt = letter.attempts + 1,
                    dead = again.is_none(),
                    %error,
                    "an alert did not reach its channel"
                );
                metadata.letter_failed(&letter.id, &error.to_string(), again, now).await
            }
        }
    }

    async fn attempt(&self, letter: &Delivery) -> Result<Result<(), ChannelError>, MetadataError> {
        let Some(channel) = self.alerts.metadata().channel(&letter.account, &letter.channel).await? else {
            // Nobody wants it any more.
            return Ok(Ok(()));
        };
        let Ok(notice) = serde_json::from_str::<Notice>(&letter.notice) else {
            return Ok(Err(ChannelError::Settings));
        };
        let now = self.alerts.clock().now();
        Ok(channel::deliver(&self.alerts, &letter.account, &channel, &notice, &letter.id, now).await)
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
