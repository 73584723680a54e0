//! How long ClickHouse is asked for what somebody waits for: whoever asked is told of a refusal, and batches go on.

use std::sync::atomic::{AtomicU32, Ordering};

use super::{RecountError, Result};

/// Refusals after which it is given up. With the waits between tries that is some ten seconds: a lack of memory may have passed by then.
const REFUSALS: u32 = 8;

/// What is left of it.
#[derive(Debug, Default)]
pub(crate) struct Patience {
    refused: AtomicU32,
}

impl Patience {
    /// A result that is final, or an error after which another try may work.
    pub(crate) fn judge<T>(&self, result: Result<T>) -> Result<Result<T>> {
        match result {
            Err(error) if is_refusal(&error) && self.refused.fetch_add(1, Ordering::Relaxed) + 1 >= REFUSALS => {
                Ok(Err(error))
            }
            result => result.map(Ok),
        }
    }
}

/// Whether ClickHouse was there, and did not want to.
fn is_refusal(error: &RecountError) -> bool {
    matches!(error, RecountError::ClickHouse(clickhouse::error::Error::BadResponse(_)))
}

#[cfg(test)]
mod tests {
    use clickhouse::error::Error;

    use super::*;

    #[test]
    fn refusals_are_final_after_a_while_and_an_absence_never_is() {
        let patience = Patience::default();
        for _ in 0..2 * REFUSALS {
            assert!(patience.judge::<()>(Err(Error::TimedOut.into())).is_err());
        }
        let refused = || Err(Error::BadResponse("no rights".into()).into());
        let tries = (1..=2 * REFUSALS).find(|_| patience.judge::<()>(refused()).is_ok());
        assert_eq!(tries, Some(REFUSALS));
        assert!(matches!(patience.judge(Ok(7)), Ok(Ok(7))));
    }
}
