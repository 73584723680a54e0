//! Where a source lies: on standard input, in a file, or, if it is mail, in a folder of messages.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{format::Format, mailbox, source::Source};

/// A source that is there and was not opened yet.
#[derive(Debug)]
pub(super) struct Origin {
    format: Format,
    place: Place,
    /// The bytes that there are to read, if that is known.
    pub(super) length: Option<u64>,
    /// Whether an import that was interrupted can go on in it.
    pub(super) resumable: bool,
}

#[derive(Debug)]
enum Place {
    StandardInput,
    File(PathBuf),
    Folder(Vec<PathBuf>),
}

impl Origin {
    /// Looks what there is at a path; `-` is standard input.
    pub(super) fn new(path: &Path, format: Format) -> io::Result<Self> {
        if path == Path::new("-") {
            return Ok(Self { format, place: Place::StandardInput, length: None, resumable: false });
        }
        let metadata = fs::metadata(path)?;
        if metadata.is_dir() {
            return Self::folder(path, format);
        }
        let regular = metadata.is_file();
        // Of a single message there is nothing to go on with.
        let resumable = regular && (!format.is_mail() || mailbox::is_mailbox(path)?);
        let length = regular.then_some(metadata.len());
        Ok(Self { format, place: Place::File(path.to_owned()), length, resumable })
    }

    fn folder(path: &Path, format: Format) -> io::Result<Self> {
        if !format.is_mail() {
            return Err(io::Error::other("it is a folder, which only the formats arf and dsn are read from"));
        }
        let files = mailbox::files(path)?;
        let length = files.iter().map(|file| fs::metadata(file).map_or(0, |metadata| metadata.len())).sum();
        // Mail programs move and rename messages: what was read before is sent again, and recognised.
        Ok(Self { format, place: Place::Folder(files), length: Some(length), resumable: false })
    }

    /// The files that the messages of a folder lie in.
    pub(super) fn files(&self) -> &[PathBuf] {
        if let Place::Folder(files) = &self.place { files } else { &[] }
    }

    /// Opens it at an uncompressed byte. This may wait for standard input.
    pub(super) fn open(self, offset: u64) -> io::Result<Source> {
        let source = match self.place {
            Place::StandardInput => Source::stream(io::stdin())?,
            Place::File(path) => Source::file(&path, offset)?,
            Place::Folder(files) => return Ok(mailbox::folder(files)),
        };
        if self.format.is_mail() { mailbox::mailbox(source) } else { Ok(source) }
    }
}
