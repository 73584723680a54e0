//! Mail as one mailbox, whatever it lies in: a mailbox in a file, a message in a file, a Maildir or another folder of messages.

use std::{
    fs,
    io::{self, BufRead, BufReader, Cursor, Read},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    vec,
};

use super::{pieces::FROM, source::Source};

/// So much of a message is read.
const LONGEST: u64 = 1 << 20;
/// The line before a message that had none; what it says is not read.
const BEFORE: &[u8] = b"From MAILER-DAEMON Thu Jan  1 00:00:00 1970\n";

/// Whether a file is a mailbox, and not a message.
pub(super) fn is_mailbox(file: &Path) -> io::Result<bool> {
    let mut reader = Source::file(file, 0)?.reader;
    Ok(first_bytes(&mut reader)? == FROM)
}

/// The source as a mailbox: itself if it is one, else with the one message that it is.
pub(super) fn mailbox(source: Source) -> io::Result<Source> {
    let Source { mut reader, consumed } = source;
    let first = first_bytes(&mut reader)?;
    let is_mailbox = first == FROM;
    let whole = Cursor::new(first).chain(reader);
    let reader: Box<dyn BufRead + Send> =
        if is_mailbox { Box::new(whole) } else { Box::new(Cursor::new(entry(whole)?)) };
    Ok(Source { reader, consumed })
}

/// The messages of a folder, as a mailbox.
pub(super) fn folder(files: Vec<PathBuf>) -> Source {
    let consumed = Arc::<AtomicU64>::default();
    let folder = Folder { files: files.into_iter(), current: Cursor::default(), consumed: Arc::clone(&consumed) };
    Source { reader: Box::new(BufReader::new(folder)), consumed }
}

/// The files of a folder that are messages, sorted. Of a Maildir those in `new` and `cur`, of its subfolders too; of another folder all.
/// What begins with a dot is none, and what other programs keep in a Maildir beside its messages neither.
pub(super) fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let is_maildir = folder.join("cur").is_dir();
    let (mut files, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        let holds_messages = !is_maildir || folder.ends_with("new") || folder.ends_with("cur");
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
            // Of a link, what it leads to would be read twice, or without end.
            let kind = entry.file_type()?;
            if kind.is_dir() && entry.file_name() != "tmp" && (is_maildir || !hidden) {
                folders.push(entry.path());
            } else if kind.is_file() && holds_messages && !hidden {
                files.push(entry.path());
            }
        }
    }
    files.sort_unstable();
    Ok(files)
}

/// Reads one file of a folder after the other.
struct Folder {
    files: vec::IntoIter<PathBuf>,
    current: Cursor<Vec<u8>>,
    consumed: Arc<AtomicU64>,
}

impl Read for Folder {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.current.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            let Some(file) = self.files.next() else { return Ok(0) };
            let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", file.display()));
            let message = Source::file(&file, 0).and_then(|source| entry(source.reader)).map_err(named)?;
            self.consumed.fetch_add(fs::metadata(&file).map_or(0, |metadata| metadata.len()), Ordering::Relaxed);
            self.current = Cursor::new(message);
        }
    }
}

/// A message as it stands in a mailbox: between the line before it and an empty one, what looks like such a line quoted. Nothing for
/// an empty file.
fn entry(reader: impl Read) -> io::Result<Vec<u8>> {
    let mut message = Vec::new();
    reader.take(LONGEST).read_to_end(&mut message)?;
    if message.is_empty() {
        return Ok(message);
    }
    let mut entry = BEFORE.to_vec();
    for line in message.split_inclusive(|byte| *byte == b'\n') {
        let quotes = line.iter().take_while(|byte| **byte == b'>').count();
        if line[quotes..].starts_with(FROM) {
            entry.push(b'>');
        }
        entry.extend_from_slice(line);
    }
    entry.extend_from_slice(b"\n\n");
    Ok(entry)
}

fn first_bytes(reader: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut first = Vec::new();
    reader.take(FROM.len() as u64).read_to_end(&mut first)?;
    Ok(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(mut source: Source) -> String {
        let mut text = String::new();
        source.reader.read_to_string(&mut text).unwrap();
        text
    }

    fn stream(text: &str) -> Source {
        Source::stream(Cursor::new(text.to_owned())).unwrap()
    }

    #[test]
    fn a_mailbox_stays_as_it_is_and_a_message_becomes_one() {
        let mbox = "From a\nSubject: 1\n\n>From x\n";
        assert_eq!(text(mailbox(stream(mbox)).unwrap()), mbox);
        let message = "Subject: 1\n\nFrom x\n>From y\n>Fromage";
        let before = std::str::from_utf8(BEFORE).unwrap();
        let expected = format!("{before}Subject: 1\n\n>From x\n>>From y\n>Fromage\n\n");
        assert_eq!(text(mailbox(stream(message)).unwrap()), expected);
        assert_eq!(text(mailbox(stream("")).unwrap()), "");
    }

    #[test]
    fn a_maildir_is_its_messages_in_a_stable_order() {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["cur", "new", "tmp", ".Bounces/cur", ".Bounces/new", ".Bounces/tmp"] {
            fs::create_dir_all(dir.path().join(folder)).unwrap();
        }
        for file in ["cur/2:2,S", "new/1", "tmp/3", ".Bounces/cur/4", "dovecot-uidlist", "cur/.hidden"] {
            fs::write(dir.path().join(file), format!("Subject: {file}\n\n")).unwrap();
        }
        let found = files(dir.path()).unwrap();
        let names: Vec<_> = found.iter().map(|file| file.strip_prefix(dir.path()).unwrap().to_str().unwrap()).collect();
        assert_eq!(names, [".Bounces/cur/4", "cur/2:2,S", "new/1"]);
        let source = folder(found);
        let consumed = Arc::clone(&source.consumed);
        assert_eq!(text(source).matches("From MAILER-DAEMON").count(), 3);
        assert_eq!(consumed.load(Ordering::Relaxed), 25 + 20 + 16);
    }

    #[test]
    fn another_folder_is_all_its_files() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("more")).unwrap();
        for file in ["b.eml", "a.eml", "more/c.eml", ".x"] {
            fs::write(dir.path().join(file), "Subject: x\n").unwrap();
        }
        assert_eq!(files(dir.path()).unwrap().len(), 3);
    }
}
