//! Bodies that were taken within the last hour, so that one which its provider sends again is told: an indication, for memory is bounded
//! and of this process. What keeps repetitions from changing a number is the ledger.

use std::{
    collections::{HashSet, VecDeque},
    sync::{Mutex, PoisonError},
};

use schema::Millis;

/// How long a body is known.
const WINDOW_MS: i64 = 3_600_000;
/// How many bodies of all sources are known.
const MOST: usize = 65_536;

/// Knows bodies.
#[derive(Default)]
pub(super) struct Recent(Mutex<Known>);

#[derive(Default)]
struct Known {
    bodies: HashSet<u64>,
    order: VecDeque<(Millis, u64)>,
}

impl Recent {
    /// Notes that a body was taken; whether it was before.
    pub(super) fn note(&self, source: &str, body: &[u8], now: Millis) -> bool {
        let mut hasher = blake3::Hasher::new();
        hasher.update(source.as_bytes()).update(b"/").update(body);
        let mut name = [0; 8];
        hasher.finalize_xof().fill(&mut name);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).note(u64::from_le_bytes(name), now)
    }
}

impl Known {
    fn note(&mut self, name: u64, now: Millis) -> bool {
        self.forget(|since, _| now.0 - since.0 >= WINDOW_MS);
        if !self.bodies.insert(name) {
            return true;
        }
        self.forget(|_, known| known >= MOST);
        self.order.push_back((now, name));
        false
    }

    /// Forgets the oldest, as long as that holds of when it came and of how many are known.
    fn forget(&mut self, over: impl Fn(Millis, usize) -> bool) {
        while let Some((since, oldest)) = self.order.front().copied()
            && over(since, self.order.len())
        {
            self.order.pop_front();
            self.bodies.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_of_the_same_source_is_known_for_an_hour() {
        let recent = Recent::default();
        assert!(!recent.note("a", b"body", Millis(0)));
        assert!(recent.note("a", b"body", Millis(WINDOW_MS - 1)));
        assert!(!recent.note("b", b"body", Millis(1)) && !recent.note("a", b"other", Millis(1)));
        assert!(!recent.note("a", b"body", Millis(WINDOW_MS)));
    }

    #[test]
    fn the_oldest_are_forgotten_when_there_are_too_many() {
        let mut known = Known::default();
        for name in 0..=MOST as u64 {
            assert!(!known.note(name, Millis(0)));
        }
        assert_eq!((known.bodies.len(), known.order.len()), (MOST, MOST));
        assert!(known.note(1, Millis(0)) && !known.note(0, Millis(0)));
    }
}
