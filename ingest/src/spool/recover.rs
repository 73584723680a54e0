//! What is left of the spool when it is opened: its segments, the records that wait in them, and where it goes on.
//!
//! A torn end is cut off, for it was never acknowledged. Damage anywhere else is put into quarantine and skipped: its bytes keep
//! their positions, so that every other record keeps its own.

use std::{
    collections::VecDeque,
    fs::{self, File},
    io,
    path::Path,
};

use super::{SpoolError, quarantine::Quarantine, queue::Entry, scan, segment::Segment};
use crate::record;

/// The spool as it was found.
pub(super) struct Recovered {
    pub(super) segments: VecDeque<Segment>,
    pub(super) entries: VecDeque<Entry>,
}

/// Finds the segments and the records that wait in them; deletes segments that are applied as a whole.
pub(super) fn recover(dir: &Path, applied: u64, quarantine: &Quarantine) -> Result<Recovered, SpoolError> {
    let mut found = segments(dir)?;
    let mut recovered = Recovered { segments: VecDeque::new(), entries: VecDeque::new() };
    while let Some(mut segment) = found.pop_front() {
        let is_last = found.is_empty();
        let bytes = fs::read(&segment.path)?;
        let length = examine(&segment, &bytes, applied, is_last, &mut recovered.entries, quarantine)?;
        if length < bytes.len() {
            cut(&segment.path, &bytes, length)?;
        }
        segment.end = segment.start + length as u64;
        if segment.end <= applied && (!is_last || segment.end < applied) {
            fs::remove_file(&segment.path)?;
        } else {
            recovered.segments.push_back(segment);
        }
    }
    Ok(recovered)
}

pub(super) fn segments(dir: &Path) -> io::Result<VecDeque<Segment>> {
    let mut found = Vec::new();
    for file in fs::read_dir(dir)? {
        let path = file?.path();
        let start = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".spool"));
        if let Some(start) = start.and_then(|digits| digits.parse().ok()) {
            found.push(Segment { path, start, end: start });
        }
    }
    found.sort_unstable_by_key(|segment| segment.start);
    Ok(found.into())
}

/// Adds the segment's records after `applied`, quarantines what is damaged, and returns how many of its bytes are to stay.
fn examine(
    segment: &Segment,
    bytes: &[u8],
    applied: u64,
    is_last: bool,
    entries: &mut VecDeque<Entry>,
    quarantine: &Quarantine,
) -> Result<usize, SpoolError> {
    let mut damaged = scan::scan(bytes, |place, payload| {
        let start = segment.start + place as u64;
        let end = start + (record::FRAME + payload.len()) as u64;
        if end > applied {
            let (head, _) = record::open(payload)
                .map_err(|_| SpoolError::Unreadable { segment: segment.path.clone(), offset: place as u64 })?;
            entries.push_back(Entry { start, end, events: head.events, accepted_at: head.accepted_at });
        }
        Ok(())
    })?;
    let torn =
        damaged.pop_if(|stretch| is_last && stretch.end == bytes.len() && scan::is_torn(&bytes[stretch.clone()]));
    for stretch in damaged {
        let position = segment.start + stretch.start as u64;
        if segment.start + stretch.end as u64 > applied {
            quarantine.put(&segment.path, stretch.start as u64, position, &bytes[stretch]);
        }
    }
    Ok(torn.map_or(bytes.len(), |stretch| stretch.start))
}

fn cut(path: &Path, bytes: &[u8], length: usize) -> io::Result<()> {
    tracing::warn!(bytes = bytes.len() - length, "cut off the spool's torn end; it was not acknowledged");
    let file = File::options().write(true).open(path)?;
    file.set_len(length as u64)?;
    file.sync_all()
}
