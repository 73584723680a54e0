//! The spool keeps what it acknowledged, through restarts and torn ends.

use std::{fs, path::Path};

use schema::{Event, EventKind, Millis};

use super::*;
use crate::{record::RecordBuilder, testing::event};

mod damage;

fn frame(events: u32) -> Vec<u8> {
    let mut record = RecordBuilder::default();
    for number in 0..events {
        let event = event(EventKind::Queued, "m", number.into());
        record.push(&Event { fields: vec![("payer", "p7")], ..event });
    }
    record.finish(&"a".parse().expect("a name"), Millis(7))
}

fn open(dir: &Path, applied: u64) -> Spool {
    Spool::open(dir, applied, 1 << 20, 200).expect("the spool opens")
}

async fn append(spool: &Spool, events: u32) -> Result<u64, SpoolError> {
    spool.append(frame(events), events, Millis(7)).await
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_restart() -> Result<(), SpoolError> {
    let dir = tempfile::tempdir()?;
    let spool = open(dir.path(), 0);
    let ends = [append(&spool, 1).await?, append(&spool, 5).await?, append(&spool, 2).await?];
    spool.close();
    let spool = open(dir.path(), ends[0]);
    assert_eq!(spool.waiting(), Waiting { bytes: ends[2] - ends[0], events: 7, oldest: Some(Millis(7)) });
    let range = spool.next(ends[0], 6, u64::MAX).expect("something waits");
    assert_eq!(range, Range { first: ends[0], last: ends[1] });
    assert_eq!(spool.read(range, Vec::new())?, frame(5));
    assert!(matches!(append(&spool, 1).await, Ok(end) if end > ends[2]));
    Ok(())
}

#[tokio::test]
async fn a_range_over_several_segments_is_read_as_one() -> Result<(), SpoolError> {
    let dir = tempfile::tempdir()?;
    let spool = open(dir.path(), 0);
    let mut expected = Vec::new();
    for events in 1..20 {
        append(&spool, events).await?;
        expected.extend(frame(events));
    }
    assert!(fs::read_dir(dir.path())?.count() > 5, "the spool was cut into segments");
    let range = spool.next(0, u64::MAX, u64::MAX).expect("something waits");
    assert_eq!(spool.read(range, Vec::new())?, expected);
    spool.applied(range.last);
    assert_eq!(fs::read_dir(dir.path())?.count(), 1, "applied segments are deleted");
    assert_eq!(spool.next(range.last, 1, 1), None);
    Ok(())
}

#[tokio::test]
async fn a_torn_end_is_cut_off_wherever_it_is_torn() -> Result<(), SpoolError> {
    let whole = frame(3);
    for kept in 0..whole.len() {
        let dir = tempfile::tempdir()?;
        let spool = open(dir.path(), 0);
        let end = append(&spool, 1).await?;
        spool.close();
        let path = dir.path().join(format!("{:020}.spool", 0));
        let mut bytes = fs::read(&path)?;
        bytes.extend(&whole[..kept]);
        fs::write(&path, bytes)?;
        let spool = open(dir.path(), 0);
        assert_eq!(spool.waiting().events, 1, "{kept} bytes were left");
        let next = append(&spool, 2).await?;
        spool.close();
        let spool = open(dir.path(), 0);
        assert_eq!(spool.read(Range { first: end, last: next }, Vec::new())?, frame(2));
    }
    Ok(())
}

#[tokio::test]
async fn a_full_spool_refuses_until_something_is_applied() -> Result<(), SpoolError> {
    let dir = tempfile::tempdir()?;
    let spool = Spool::open(dir.path(), 0, 100, 1 << 20)?;
    let end = append(&spool, 50).await?;
    assert!(end > 100, "one record is taken even when it is longer than the limit");
    assert!(matches!(append(&spool, 1).await, Err(SpoolError::Full { limit: 100, .. })));
    spool.applied(end);
    assert!(append(&spool, 1).await.is_ok());
    spool.close();
    assert!(matches!(append(&spool, 1).await, Err(SpoolError::Closed)));
    Ok(())
}

#[tokio::test]
async fn a_spool_that_lost_its_files_goes_on_after_what_was_applied() -> Result<(), SpoolError> {
    let dir = tempfile::tempdir()?;
    let spool = open(dir.path(), 5000);
    assert!(append(&spool, 1).await? > 5000);
    Ok(())
}
