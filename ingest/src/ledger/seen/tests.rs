//! What was committed is seen, and nothing else, whatever becomes of the runs meanwhile.

use std::{collections::BTreeMap, path::PathBuf};

use proptest::{collection::vec, prelude::*, sample::Index, test_runner::TestCaseResult};
use schema::Millis;
use tempfile::TempDir;

use super::{
    format::{CELL, GROUP},
    *,
};
use crate::{
    ledger::{Age, BULK, Changes, Held, KeyspaceCreateOptions, Ledger, Memory, Rules, SEEN, entry},
    limits::Limits,
    spool::Range,
};

const RULES: Rules = Rules {
    limits: Limits { subjects: 1, senders: 1, campaigns: 1, field_values: 1 },
    memory: Memory { days: 1, trace_days: 1 },
};
const DAY: i64 = 86_400_000;

/// A ledger with nothing but identities, and what it must know.
struct Bench {
    dir: TempDir,
    ledger: Option<Ledger>,
    age: Age,
    day: i64,
    commits: u64,
    /// What the last commit left: earlier generations are forgotten.
    remembered: Generation,
    /// The generation that saw each identity last.
    model: BTreeMap<u128, Generation>,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let mut bench = Self {
            dir,
            ledger: None,
            age: Age::default(),
            day: 20_000,
            commits: 0,
            remembered: Generation(0),
            model: BTreeMap::new(),
        };
        bench.pass(1);
        bench.reopen();
        bench
    }

    fn ledger(&self) -> &Ledger {
        self.ledger.as_ref().expect("it is open")
    }

    fn seen(&self) -> &Seen {
        &self.ledger().seen
    }

    fn reopen(&mut self) {
        self.ledger = None;
        self.ledger = Some(self.opened().expect("it opens"));
    }

    /// Opens the ledger, which is closed.
    fn opened(&self) -> Result<Ledger, LedgerError> {
        Ledger::open(self.dir.path(), 8 << 20)
    }

    /// Days go by.
    fn pass(&mut self, days: i64) {
        for _ in 0..days {
            self.day += 1;
            let noon = Millis(self.day * DAY);
            self.age = self.age.after(noon, Some(noon), RULES.memory);
        }
    }

    fn commit(&mut self, mut ids: Vec<u128>) {
        ids.sort_unstable();
        ids.dedup();
        let generation = self.age.generation();
        self.model.extend(ids.iter().map(|id| (*id, generation)));
        let seen = ids.into_iter().map(EventId).collect();
        let changes = Changes { seen, age: self.age.clone(), ..Changes::default() };
        let range = Range { first: self.commits, last: self.commits + 1 };
        self.ledger().commit(&changes, &Held::new(), range).expect("it is written");
        self.ledger().forget(&changes, &RULES);
        self.commits += 1;
        self.remembered = self.age.bounds(RULES.memory).remembered;
    }

    fn merge_all(&self) {
        self.seen().merge(|runs, _| runs.to_vec()).expect("they can be merged");
    }

    fn remembers(&self, id: u128) -> bool {
        self.model.get(&id).is_some_and(|generation| *generation >= self.remembered)
    }

    /// Asks for all that was committed, for its neighbours, and for these, in order and not.
    fn check(&self, others: &[u128]) -> TestCaseResult {
        let near = self.model.keys().flat_map(|id| [*id, id.wrapping_add(1), id.wrapping_sub(1)]);
        let mut ids: Vec<u128> = near.chain([0, u128::MAX]).chain(others.iter().copied()).collect();
        ids.sort_unstable();
        let view = self.ledger().view(None, &RULES).expect("the ledger answers");
        let mut asked = view.asked();
        for id in &ids {
            prop_assert_eq!(asked.has_seen(EventId(*id)).expect("it answers"), self.remembers(*id), "{:032x}", id);
        }
        let scattered = (0..ids.len()).map(|place| ids[place.wrapping_mul(7919) % ids.len()]).take(2000);
        for id in scattered.chain(ids.iter().rev().take(2000).copied()) {
            prop_assert_eq!(asked.has_seen(EventId(id)).expect("it answers"), self.remembers(id), "{:032x}", id);
        }
        Ok(())
    }

    /// The files of the runs.
    fn files(&self) -> Vec<PathBuf> {
        let files = fs::read_dir(self.dir.path().join("seen")).expect("it is there");
        let mut files: Vec<_> = files.map(|file| file.expect("it can be read").path()).collect();
        files.sort_unstable();
        files
    }
}

/// Numbers that look as identities do.
fn ids(seed: u64) -> impl Iterator<Item = u128> {
    let hash = move |place: u64| blake3::hash(&[seed.to_le_bytes(), place.to_le_bytes()].concat());
    (0..).map(hash).map(|hash| u128::from_le_bytes(*hash.as_bytes().first_chunk().expect("32 bytes")))
}

#[derive(Clone, Debug)]
enum Step {
    /// So many identities, of this kind.
    Commit(usize, Kind),
    /// Some of what was committed before, again.
    Repeat(Vec<Index>),
    Pass(i64),
    Merge,
    MergeAll,
    Reopen,
}

/// How identities lie.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// Anywhere.
    Random,
    /// With the same upper bits.
    Near(u64),
    /// One after the other.
    Row(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let kind = prop_oneof![4 => Just(Kind::Random), 1 => (0..3_u64).prop_map(Kind::Near), 1 => any::<u64>().prop_map(Kind::Row)];
    let size = prop_oneof![1..RUN, RUN..4 * RUN, CELL - 1..CELL + 2, GROUP - 1..GROUP + 2, 2 * GROUP..3 * GROUP];
    prop_oneof![
        8 => (size, kind).prop_map(|(size, kind)| Step::Commit(size, kind)),
        2 => vec(any::<Index>(), 1..2 * RUN).prop_map(Step::Repeat),
        2 => (1..12_i64).prop_map(Step::Pass),
        2 => Just(Step::Merge),
        1 => Just(Step::MergeAll),
        2 => Just(Step::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_was_committed_is_seen_until_it_is_forgotten_and_nothing_else(steps in vec(step(), 1..16)) {
        let mut bench = Bench::new();
        for (step, seed) in steps.into_iter().zip(1..) {
            match step {
                Step::Commit(size, kind) => {
                    let random = ids(seed).take(size);
                    bench.commit(match kind {
                        Kind::Random => random.collect(),
                        Kind::Near(near) => random.map(|id| id >> 64 | u128::from(near) << 64).collect(),
                        Kind::Row(first) => (u128::from(first) << 32..).take(size).collect(),
                    });
                }
                Step::Repeat(places) if !bench.model.is_empty() => {
                    let known: Vec<u128> = bench.model.keys().copied().collect();
                    bench.commit(places.iter().map(|place| *place.get(&known)).collect());
                }
                Step::Repeat(_) => {}
                Step::Pass(days) => bench.pass(days),
                Step::Merge => bench.seen().merge_due().expect("they can be merged"),
                Step::MergeAll => bench.merge_all(),
                Step::Reopen => bench.reopen(),
            }
        }
        let others: Vec<u128> = ids(0).take(1000).collect();
        bench.check(&others)?;
        bench.ledger().examine().expect("it is whole");
        bench.merge_all();
        bench.check(&others)?;
        bench.reopen();
        bench.check(&others)?;
        prop_assert!(bench.files().len() <= 1);
    }
}

#[test]
fn four_runs_of_a_size_become_one_and_what_is_forgotten_leaves() {
    let mut bench = Bench::new();
    // The ledger's own thread merges as well. Merged after each commit, it is always four of a size, whoever comes first.
    let commit = |bench: &mut Bench, seed| {
        bench.commit(ids(seed).take(100).collect());
        bench.seen().merge_due().expect("they can be merged");
    };
    (0..16).for_each(|seed| commit(&mut bench, seed));
    let counts = |bench: &Bench| bench.seen().runs().iter().map(|run| run.head.count).collect::<Vec<_>>();
    assert_eq!(counts(&bench), [1600]);
    assert_eq!(bench.files().len(), 1);
    let size = bench.ledger().size().expect("it can be counted");
    assert!(size.disk > fs::metadata(&bench.files()[0]).expect("it is there").len());

    bench.pass(6);
    (16..31).for_each(|seed| commit(&mut bench, seed));
    assert_eq!(counts(&bench), [1600, 400, 400, 400, 100, 100, 100]);
    bench.pass(6);
    commit(&mut bench, 31);
    assert_eq!(counts(&bench), [1600], "the first are forgotten as a whole, the others became one");
    bench.pass(100);
    bench.commit(ids(40).take(1).collect());
    bench.seen().merge_due().expect("they can be merged");
    assert_eq!((counts(&bench), bench.files().len()), (vec![], 0));
}

#[test]
fn nothing_is_left_out_before_the_first_commit_after_a_restart() {
    let mut bench = Bench::new();
    bench.commit(ids(1).take(100).collect());
    bench.pass(100);
    bench.reopen();
    bench.merge_all();
    assert_eq!(bench.seen().runs()[0].head.count, 100, "a batch that was begun may be computed again");
    bench.commit(vec![7]);
    bench.merge_all();
    assert!(bench.seen().runs().is_empty());
}

#[test]
fn what_a_crash_leaves_beside_the_list_is_deleted_and_what_is_in_it_is_there() -> Result<(), TestCaseError> {
    let mut bench = Bench::new();
    bench.commit(ids(1).take(5000).collect());
    bench.commit(ids(2).take(300).collect());
    let before = bench.files();
    let others: Vec<u128> = ids(3).chain(ids(4)).take(300).collect();
    // A commit that came as far as its run.
    let unwritten: Vec<EventId> =
        ids(3).take(100).map(EventId).collect::<std::collections::BTreeSet<_>>().into_iter().collect();
    bench.seen().write(&unwritten, Generation(1)).expect("it is written");
    // A merge that came as far as its file, and one that came not so far.
    let copy = |number: u64| run::path(&bench.dir.path().join("seen"), number);
    fs::copy(&before[0], copy(77)).expect("it is copied");
    fs::write(copy(78), [0; 5000]).expect("it is written");
    assert_eq!(bench.files().len(), 5);
    bench.reopen();
    assert_eq!(bench.files(), before);
    bench.check(&others)?;
    // A merge whose inputs were not deleted any more.
    let inputs: Vec<_> = before.iter().map(|file| (file, fs::read(file).expect("it is read"))).collect();
    bench.merge_all();
    for (file, bytes) in inputs {
        fs::write(file, bytes).expect("it is written");
    }
    bench.reopen();
    assert_eq!(bench.files().len(), 1);
    bench.check(&others)
}

#[test]
fn a_commit_that_failed_uses_its_run_again_and_another_one_deletes_it() {
    let bench = Bench::new();
    let seen = bench.seen();
    let sorted = |seed: u64| {
        let mut sorted: Vec<_> = ids(seed).take(100).map(EventId).collect();
        sorted.sort_unstable();
        sorted
    };
    let fail = |_: State| Err(LedgerError::Run(io::ErrorKind::StorageFull.into()));
    for _ in 0..3 {
        let failed = seen.commit(&sorted(1), Generation(1), fail);
        assert!(failed.is_err_and(|error| !error.is_damage() && !error.is_lasting()));
        assert_eq!((bench.files().len(), seen.runs().len()), (1, 0));
    }
    seen.commit(&sorted(1), Generation(1), |_| Ok(())).expect("nothing fails");
    assert_eq!((bench.files().len(), seen.runs().len()), (1, 1));
    seen.commit(&sorted(2), Generation(1), fail).expect_err("it fails");
    seen.commit(&sorted(3), Generation(1), |_| Ok(())).expect("nothing fails");
    assert_eq!((bench.files().len(), seen.runs().len()), (2, 2));
}

#[test]
fn a_merge_that_is_broken_off_leaves_everything_as_it_was() -> Result<(), TestCaseError> {
    let mut bench = Bench::new();
    bench.commit(ids(1).take(2 * GROUP).collect());
    bench.commit(ids(2).take(2 * GROUP).collect());
    let before = bench.files();
    bench.seen().closing.store(true, Ordering::Relaxed);
    bench.seen().merge(|runs, _| runs.to_vec()).expect_err("it is broken off");
    assert_eq!(bench.files(), before);
    bench.check(&[])
}

#[test]
fn few_identities_among_many_other_entries_are_there_with_them() -> Result<(), LedgerError> {
    let mut bench = Bench::new();
    let state = |id| (schema::DeliveryKey(id), State::from([0, 0, 0]));
    let seen = vec![EventId(7), EventId(9)];
    let changes = Changes { states: (0..BULK as u128).map(state).collect(), seen, ..Changes::default() };
    bench.ledger().commit(&changes, &Held::new(), Range { first: 0, last: 1 })?;
    bench.reopen();
    let view = bench.ledger().view(None, &RULES)?;
    let mut asked = view.asked();
    assert!(asked.has_seen(EventId(7))? && !asked.has_seen(EventId(8))? && asked.has_seen(EventId(9))?);
    assert!(view.delivery(schema::DeliveryKey(7))?.is_some());
    assert_eq!((bench.files().len(), bench.ledger().cursor()?), (1, 1));
    Ok(())
}

#[test]
fn identities_of_small_commits_are_found_however_many_lie_between() -> Result<(), LedgerError> {
    let mut bench = Bench::new();
    for commit in 0..40 {
        bench.commit((0..50).map(|id| (id * 40 + commit) * 3).collect());
    }
    assert!(bench.files().is_empty(), "all are in the store");
    // Reading along pays, does not pay any more, never did.
    for step in [1, 2, 7, 10, 50, 150, 1000, 5999] {
        let view = bench.ledger().view(None, &RULES)?;
        let (mut asked, mut back, mut around) = (view.asked(), view.asked(), view.asked());
        for place in 0..6000 {
            let (id, far) = (place * step, place * step % 6001);
            let is_seen = |id: u128| id.is_multiple_of(3) && id < 6000;
            assert_eq!(asked.has_seen(EventId(id))?, is_seen(id), "{id} in steps of {step}");
            let id = 6000_u128.saturating_sub(id);
            assert_eq!(back.has_seen(EventId(id))?, is_seen(id), "{id} in steps of {step} back");
            assert_eq!(around.has_seen(EventId(far))?, is_seen(far), "{far} in steps of {step} around");
        }
    }
    Ok(())
}

#[test]
fn what_an_earlier_build_saw_is_seen() -> Result<(), LedgerError> {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let database = Database::builder(dir.path()).open()?;
    let entries = database.keyspace("memories", KeyspaceCreateOptions::default)?;
    entries.insert(entry(SEEN, 7), 0_u16.to_le_bytes())?;
    database.persist(PersistMode::SyncAll)?;
    drop((entries, database));
    for _ in 0..2 {
        let ledger = Ledger::open(dir.path(), 8 << 20)?;
        let view = ledger.view(None, &RULES)?;
        let mut asked = view.asked();
        assert!(asked.has_seen(EventId(7))? && !asked.has_seen(EventId(8))?);
        ledger.examine()?;
    }
    Ok(())
}

#[test]
fn the_changes_ahead_are_seen_in_any_order() -> Result<(), LedgerError> {
    let bench = Bench::new();
    let seen: Vec<_> = (0..100).map(|id| EventId(id * 10)).collect();
    let ahead = Changes { seen, ..Changes::default() };
    for step in [1, 3, 37, 611, 990, 991, 1000] {
        let view = bench.ledger().view(Some(&ahead), &RULES)?;
        let mut asked = view.asked();
        for place in 0..1001 {
            let id = place * step % 1001;
            assert_eq!(asked.has_seen(EventId(id))?, id % 10 == 0 && id < 1000, "{id} in steps of {step}");
        }
    }
    Ok(())
}

#[test]
fn a_run_that_is_missing_or_cut_short_is_damage() {
    let mut bench = Bench::new();
    bench.commit(ids(1).take(GROUP + 7).collect());
    bench.ledger = None;
    let file = bench.files().remove(0);
    let bytes = fs::read(&file).expect("it is read");
    let is_damaged = |bench: &Bench| bench.opened().is_err_and(|error| error.is_damage() && !error.is_lasting());
    for length in [0, 1, 4095, 4096, 5000, bytes.len() / 2, bytes.len() - 1] {
        fs::write(&file, &bytes[..length]).expect("it is written");
        assert!(is_damaged(&bench), "cut to {length}");
    }
    fs::write(&file, [&bytes[..], &[0]].concat()).expect("it is written");
    assert!(is_damaged(&bench), "longer than it was");
    fs::remove_file(&file).expect("it is removed");
    assert!(is_damaged(&bench), "it is not there");
    fs::write(&file, &bytes).expect("it is written");
    bench.opened().expect("it is as it was");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// In a run with three groups, and with room for filters that nothing came for.
    #[test]
    fn a_byte_that_changed_is_found_and_never_believed(
        place in prop_oneof![any::<Index>().prop_map(|place| (0, place)), (1..4_usize, any::<Index>())],
        bit in 0..8_u32,
        before in any::<bool>(),
    ) {
        let mut bench = Bench::new();
        bench.commit(ids(2).take(2 * GROUP).collect());
        bench.pass(20);
        bench.commit(ids(1).take(2 * GROUP + 100).collect());
        bench.merge_all();
        let file = bench.files().remove(0);
        let mut bytes = fs::read(&file).expect("it is read");
        // Anywhere, or in one of the first blocks, or at the end.
        let offset = match place {
            (0, place) => place.index(bytes.len()),
            (3, place) => bytes.len() - 1 - place.index(100),
            (block, place) => (block - 1) * 4096 + place.index(4096),
        };
        bytes[offset] ^= 1_u8 << bit;
        let damage = |bench: &mut Bench| {
            bench.ledger = None;
            fs::write(&file, &bytes).expect("it is written");
            bench.ledger = bench.opened().ok();
        };
        if before {
            damage(&mut bench);
        } else {
            // The file that is open, and whose directory is in memory, changes.
            fs::write(&file, &bytes).expect("it is written");
        }
        if bench.ledger.is_none() {
            prop_assert!(bench.opened().is_err_and(|error| error.is_damage()));
            return Ok(());
        }
        let examined = bench.ledger().examine();
        prop_assert!(examined.is_err_and(|error| error.is_damage()), "byte {}", offset);
        let view = bench.ledger().view(None, &RULES).expect("the store is whole");
        let mut asked = view.asked();
        for id in bench.model.keys().copied().chain(ids(3).take(1000)) {
            match asked.has_seen(EventId(id)) {
                Ok(seen) => prop_assert_eq!(seen, bench.remembers(id)),
                Err(error) => prop_assert!(error.is_damage()),
            }
        }
    }
}
