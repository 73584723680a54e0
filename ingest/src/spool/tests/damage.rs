//! Damage costs the records that it hits and no other: each keeps its place, and a batch over a gap is cut the same way again.

use std::{ops::Range as Bytes, path::PathBuf};

use proptest::prelude::*;

use super::*;

/// Whatever was ever in the spool, record by record.
struct Known {
    dir: tempfile::TempDir,
    frames: Vec<(u64, Vec<u8>)>,
}

impl Known {
    /// A spool in several segments, closed.
    async fn with(sizes: &[u32]) -> Result<Self, SpoolError> {
        let mut known = Self { dir: tempfile::tempdir()?, frames: Vec::new() };
        let spool = open(known.dir.path(), 0);
        for events in sizes {
            known.append(&spool, *events).await?;
        }
        spool.close();
        Ok(known)
    }

    async fn append(&mut self, spool: &Spool, events: u32) -> Result<(), SpoolError> {
        self.frames.push((append(spool, events).await?, frame(events)));
        Ok(())
    }

    fn end(&self) -> u64 {
        self.frames.last().map_or(0, |(end, _)| *end)
    }

    fn segment(&self, position: u64) -> (PathBuf, u64) {
        let names = fs::read_dir(self.dir.path()).expect("it is there").map(|file| file.expect("and readable").path());
        let starts = names.filter_map(|path| {
            let digits = path.file_name()?.to_str()?.strip_suffix(".spool")?.to_owned();
            Some((path, digits.parse().ok()?))
        });
        starts.filter(|(_, start)| *start <= position).max_by_key(|(_, start)| *start).expect("some segment holds it")
    }

    /// Changes bytes, in one segment.
    fn damage(&self, at: u64, length: u64, change: u8) {
        let (path, start) = self.segment(at);
        let mut bytes = fs::read(&path).expect("it is there");
        let from = usize::try_from(at - start).expect("small");
        for byte in bytes.iter_mut().skip(from).take(usize::try_from(length).expect("small")) {
            *byte ^= change;
        }
        fs::write(&path, bytes).expect("it can be written");
    }

    /// The frames that the damage did not hit, which ended in the range.
    fn whole(&self, hit: &Bytes<u64>, range: Range) -> Vec<u8> {
        let spared = self.frames.iter().filter(|(end, frame)| {
            let start = end - frame.len() as u64;
            (start >= hit.end || *end <= hit.start) && *end > range.first && *end <= range.last
        });
        spared.flat_map(|(_, frame)| frame.iter().copied()).collect()
    }
}

/// All that waits after `first`, batch by batch.
fn batches(spool: &Spool, mut first: u64, max_events: u64) -> Vec<(Range, Vec<u8>)> {
    let mut all = Vec::new();
    while let Some(range) = spool.next(first, max_events, u64::MAX) {
        all.push((range, spool.read(range, Vec::new()).expect("every batch can be read")));
        first = range.last;
    }
    all
}

fn joined(batches: &[(Range, Vec<u8>)]) -> Vec<u8> {
    batches.iter().flat_map(|(_, bytes)| bytes.iter().copied()).collect()
}

proptest! {
    // Every case syncs some fifty files.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn damage_in_the_midst_costs_only_the_records_that_it_hits(
        sizes in proptest::collection::vec(1..6_u32, 4..24),
        place in 0..10_000_u64,
        length in 1..120_u64,
        change in 1..=255_u8,
        max_events in 1..20_u64,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let mut known = Known::with(&sizes).await.expect("the spool works");
            // The last record is left out: there, damage can look like a torn end.
            let last = known.frames.len() - 1;
            let sound = known.end() - known.frames[last].1.len() as u64;
            let at = place % sound;
            let (_, start) = known.segment(at);
            let within = known.frames.iter().map(|(end, _)| *end).filter(|end| known.segment(end - 1).1 == start).max();
            let hit = at..(at + length).min(sound).min(within.expect("a segment holds records"));
            known.damage(at, hit.end - hit.start, change);

            let everything = Range { first: 0, last: known.end() };
            let spool = open(known.dir.path(), 0);
            let before = batches(&spool, 0, max_events);
            assert_eq!(joined(&before), known.whole(&hit, everything));
            assert_eq!(spool.read(everything, Vec::new()).expect("it can be read as one"), known.whole(&hit, everything));
            assert!(spool.quarantined() >= hit.end - hit.start);
            known.append(&spool, 3).await.expect("it goes on");
            spool.close();

            let (middle, aside) = (before[before.len() / 2].0, spool.quarantined());
            let spool = open(known.dir.path(), middle.first);
            assert_eq!(spool.read(middle, Vec::new()).expect("it can be read again"), before[before.len() / 2].1, "the same cut");
            let rest = Range { first: middle.first, last: known.end() };
            assert_eq!(joined(&batches(&spool, middle.first, max_events)), known.whole(&hit, rest));
            assert_eq!(spool.quarantined(), aside, "damage is put aside once");
            spool.applied(known.end());
            assert_eq!(spool.waiting(), Waiting::default());
        });
    }
}

#[tokio::test]
async fn a_damaged_last_record_leaves_a_gap_that_holds_nothing_up() -> Result<(), SpoolError> {
    let mut known = Known::with(&[1, 2]).await?;
    let (end, length) = (known.end(), known.frames[1].1.len() as u64);
    known.damage(end - 3, 1, 4);
    let spool = Spool::open(known.dir.path(), end - length, 10, 1 << 20)?;
    assert_eq!((spool.waiting(), spool.quarantined()), (Waiting::default(), length));
    assert_eq!(*spool.durable().borrow(), end - length, "nobody waits for what is lost");
    known.append(&spool, 4).await?;
    assert_eq!(known.end(), end + frame(4).len() as u64, "the gap keeps its place");
    let range = spool.next(end - length, 100, u64::MAX).expect("the new record waits");
    assert_eq!(spool.read(range, Vec::new())?, frame(4));
    Ok(())
}

#[tokio::test]
async fn damaged_bytes_are_kept_as_they_were_found() -> Result<(), SpoolError> {
    let known = Known::with(&[3, 3, 3]).await?;
    known.damage(20, 1, 1);
    let mut expected = frame(3);
    expected[20] ^= 1;
    open(known.dir.path(), 0).close();
    let path = known.dir.path().join("quarantine").join(format!("{:020}.damaged", 0));
    assert_eq!(fs::read(path)?, expected);
    Ok(())
}

#[tokio::test]
async fn a_record_that_is_damaged_while_the_spool_is_open_is_left_out_when_it_is_read() -> Result<(), SpoolError> {
    let mut known = Known::with(&[]).await?;
    let spool = open(known.dir.path(), 0);
    for events in 1..4 {
        known.append(&spool, events).await?;
    }
    known.damage(known.frames[0].0 + 20, 1, 1);
    let range = spool.next(0, u64::MAX, u64::MAX).expect("something waits");
    assert_eq!(spool.read(range, Vec::new())?, [frame(1), frame(3)].concat());
    assert_eq!(spool.quarantined(), frame(2).len() as u64);
    Ok(())
}

#[tokio::test]
async fn a_segment_that_is_missing_or_wholly_damaged_takes_no_other_along() -> Result<(), SpoolError> {
    let known = Known::with(&[3; 20]).await?;
    let lost = known.segment(known.frames[5].0);
    let (wiped, start) = known.segment(known.frames[12].0);
    fs::remove_file(&lost.0)?;
    let length = fs::metadata(&wiped)?.len();
    fs::write(&wiped, vec![0x5a; usize::try_from(length).expect("small")])?;
    let spool = open(known.dir.path(), 0);
    let kept = known.frames.iter().filter(|(end, _)| ![lost.1, start].contains(&known_start(&known, *end, &lost)));
    let expected: Vec<u8> = kept.flat_map(|(_, frame)| frame.iter().copied()).collect();
    assert_eq!(spool.read(Range { first: 0, last: known.end() }, Vec::new())?, expected);
    assert!(expected.len() < known.frames.len() * frame(3).len() - frame(3).len());
    Ok(())
}

/// Where the segment begins that held the record which ends there, be it lost or not.
fn known_start(known: &Known, end: u64, lost: &(PathBuf, u64)) -> u64 {
    let (_, start) = known.segment(end - 1);
    if start < lost.1 && lost.1 < end { lost.1 } else { start }
}

#[tokio::test]
async fn a_record_of_a_newer_version_stops_the_start() -> Result<(), SpoolError> {
    let known = Known::with(&[1, 1]).await?;
    let (path, _) = known.segment(0);
    let mut bytes = fs::read(&path)?;
    bytes[record::FRAME] = 200;
    let checksum = crc32c::crc32c(&bytes[record::FRAME..frame(1).len()]);
    bytes[4..record::FRAME].copy_from_slice(&checksum.to_le_bytes());
    fs::write(&path, bytes)?;
    assert!(matches!(Spool::open(known.dir.path(), 0, 1 << 20, 200), Err(SpoolError::Unreadable { offset: 0, .. })));
    Ok(())
}

#[tokio::test]
async fn a_segment_left_by_a_try_that_failed_half_way_is_begun_again() -> Result<(), SpoolError> {
    let dir = tempfile::tempdir()?;
    let spool = open(dir.path(), 0);
    let mut end = 0;
    while end < 200 {
        end = append(&spool, 3).await?;
    }
    fs::write(dir.path().join(format!("{end:020}.spool")), b"")?;
    assert!(append(&spool, 3).await? > end);
    Ok(())
}
