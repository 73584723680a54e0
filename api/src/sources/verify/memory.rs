//! Which requests were taken already.
//!
//! A request is *claimed* while it is worked on and *kept* when it was taken. What is kept is eight bytes of the hash of what was signed, for as
//! long as its window lasts; after that it is stale anyhow. Room is bounded: where a source has more, the window of its oldest ones
//! ends early, so they are refused as stale instead of being taken twice. After a restart nothing is known.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use schema::Millis;

use super::Refusal;

/// How many requests of one source are remembered: nine hours of 32 a second.
const OF_A_SOURCE: usize = 1 << 20;
/// And of all sources.
const OF_ALL: usize = 1 << 22;

const MINUTE: i64 = 60_000;

/// What makes a request the same as another one: what was signed, not the signature, for one text can have many signatures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Once {
    identity: u64,
    /// The minute at whose end it is stale.
    until: i64,
}

impl Once {
    /// Of what was signed, in parts, and when it becomes stale.
    pub(super) fn new(parts: &[&[u8]], ends: Millis) -> Self {
        let mut hasher = blake3::Hasher::new();
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
        }
        let mut identity = [0; 8];
        hasher.finalize_xof().fill(&mut identity);
        Self { identity: u64::from_le_bytes(identity), until: ends.0.div_euclid(MINUTE) }
    }
}

/// Remembers requests.
#[derive(Clone)]
pub(super) struct Memory(Arc<Mutex<Seen>>);

impl Default for Memory {
    fn default() -> Self {
        Self::of_size(OF_A_SOURCE, OF_ALL)
    }
}

impl Memory {
    fn of_size(of_a_source: usize, of_all: usize) -> Self {
        let (sources, total, swept) = (HashMap::new(), 0, i64::MIN);
        Self(Arc::new(Mutex::new(Seen { sources, total, swept, of_a_source, of_all })))
    }

    /// Takes a request as the caller's.
    ///
    /// # Errors
    /// When it was taken before, or somebody is about to take it, or there was no room to remember whether it was.
    pub(super) fn claim(&self, source: &str, once: &Once, now: Millis) -> Result<Claim, Refusal> {
        let mut seen = self.lock();
        seen.sweep(now.0.div_euclid(MINUTE));
        seen.sources.entry(source.to_owned()).or_default().claim(once)?;
        Ok(Claim { memory: self.clone(), source: source.to_owned(), once: *once, kept: false })
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        // Nothing in here panics between two changes that belong together.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that is the holder's. Dropped, it is anybody's again.
pub(super) struct Claim {
    memory: Memory,
    source: String,
    once: Once,
    kept: bool,
}

impl Claim {
    /// It was taken.
    pub(super) fn keep(mut self) {
        self.kept = true;
    }
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim").field("once", &self.once).finish_non_exhaustive()
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.memory.lock().end(&self.source, &self.once, self.kept);
    }
}

struct Seen {
    sources: HashMap<String, OfSource>,
    total: usize,
    /// The minute of the last sweep.
    swept: i64,
    of_a_source: usize,
    of_all: usize,
}

impl Seen {
    /// Forgets what is stale, once a minute.
    fn sweep(&mut self, minute: i64) {
        if minute == self.swept {
            return;
        }
        self.swept = minute;
        let mut total = 0;
        self.sources.retain(|_, source| {
            source.sweep(minute);
            total += source.kept;
            !source.is_idle(minute)
        });
        self.total = total;
    }

    fn end(&mut self, source: &str, once: &Once, kept: bool) {
        let of_a_source = self.of_a_source;
        let Some(entry) = self.sources.get_mut(source) else { return };
        entry.claimed.remove(&once.identity);
        if !kept {
            return;
        }
        let before = entry.kept;
        entry.keep(once);
        if entry.kept > of_a_source {
            entry.forget_oldest();
        }
        self.total = self.total + entry.kept - before;
        while self.total > self.of_all {
            let Some(fullest) = self.sources.values_mut().max_by_key(|source| source.kept) else { return };
            self.total -= fullest.forget_oldest();
        }
    }
}

#[derive(Default)]
struct OfSource {
    claimed: HashSet<u64>,
    /// By the minute at whose end they are stale.
    minutes: BTreeMap<i64, HashSet<u64>>,
    kept: usize,
    /// Up to this minute requests were forgotten for want of room.
    forgotten: Option<i64>,
}

impl OfSource {
    fn claim(&mut self, once: &Once) -> Result<(), Refusal> {
        if self.forgotten.is_some_and(|minute| once.until <= minute) {
            return Err(Refusal::Stale);
        }
        if self.minutes.get(&once.until).is_some_and(|minute| minute.contains(&once.identity)) {
            return Err(Refusal::Replayed);
        }
        if self.claimed.insert(once.identity) { Ok(()) } else { Err(Refusal::Unavailable) }
    }

    fn keep(&mut self, once: &Once) {
        if self.minutes.entry(once.until).or_default().insert(once.identity) {
            self.kept += 1;
        }
    }

    fn forget_oldest(&mut self) -> usize {
        let Some((minute, forgotten)) = self.minutes.pop_first() else { return 0 };
        self.forgotten = self.forgotten.max(Some(minute));
        self.kept -= forgotten.len();
        forgotten.len()
    }

    fn sweep(&mut self, minute: i64) {
        self.minutes = self.minutes.split_off(&minute);
        self.kept = self.minutes.values().map(HashSet::len).sum();
    }

    fn is_idle(&self, minute: i64) -> bool {
        self.claimed.is_empty() && self.kept == 0 && self.forgotten.is_none_or(|forgotten| forgotten < minute)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn once(text: &str, minute: i64) -> Once {
        Once::new(&[text.as_bytes()], Millis(minute * MINUTE))
    }

    #[test]
    fn what_was_kept_is_refused_and_what_was_dropped_may_come_again() {
        let (memory, now) = (Memory::default(), Millis(0));
        drop(memory.claim("a", &once("x", 9), now).unwrap());
        memory.claim("a", &once("x", 9), now).unwrap().keep();
        assert_eq!(memory.claim("a", &once("x", 9), now).unwrap_err(), Refusal::Replayed);
        assert!(memory.claim("b", &once("x", 9), now).is_ok(), "another source has a memory of its own");
        assert!(memory.claim("a", &once("y", 9), now).is_ok());
    }

    #[test]
    fn of_two_at_the_same_time_one_is_asked_to_come_back() {
        let (memory, now) = (Memory::default(), Millis(0));
        let first = memory.claim("a", &once("x", 9), now).unwrap();
        assert_eq!(memory.claim("a", &once("x", 9), now).unwrap_err(), Refusal::Unavailable);
        drop(first);
        assert!(memory.claim("a", &once("x", 9), now).is_ok());
    }

    #[test]
    fn what_is_stale_is_forgotten_and_leaves_nothing_behind() {
        let memory = Memory::default();
        memory.claim("a", &once("x", 9), Millis(0)).unwrap().keep();
        let _claim = memory.claim("b", &once("y", 99), Millis(9 * MINUTE)).unwrap();
        assert_eq!(memory.lock().total, 1, "its last minute is not over");
        drop(memory.claim("b", &once("z", 99), Millis(10 * MINUTE)));
        let seen = memory.lock();
        assert_eq!((seen.total, seen.sources.contains_key("a")), (0, false));
    }

    #[test]
    fn a_full_memory_takes_nothing_twice_but_ends_the_oldest_windows_early() {
        let (memory, now) = (Memory::of_size(3, 100), Millis(0));
        for (text, minute) in [("a", 1), ("b", 2), ("c", 3), ("d", 4)] {
            memory.claim("s", &once(text, minute), now).unwrap().keep();
        }
        assert_eq!(memory.claim("s", &once("a", 1), now).unwrap_err(), Refusal::Stale);
        assert_eq!(memory.claim("s", &once("new", 1), now).unwrap_err(), Refusal::Stale);
        assert_eq!(memory.claim("s", &once("b", 2), now).unwrap_err(), Refusal::Replayed);
        assert!(memory.claim("s", &once("new", 2), now).is_ok());
    }

    #[test]
    fn when_all_is_full_the_fullest_source_pays() {
        let (memory, now) = (Memory::of_size(100, 3), Millis(0));
        for text in ["a", "b"] {
            memory.claim("big", &once(text, 1), now).unwrap().keep();
        }
        memory.claim("small", &once("a", 1), now).unwrap().keep();
        memory.claim("big", &once("c", 2), now).unwrap().keep();
        assert_eq!(memory.claim("big", &once("a", 1), now).unwrap_err(), Refusal::Stale);
        assert_eq!(memory.claim("small", &once("a", 1), now).unwrap_err(), Refusal::Replayed);
        assert_eq!(memory.lock().total, 2);
    }
}
