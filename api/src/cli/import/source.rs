//! What is imported: a file or standard input, plain, gzip or zstd, told by its first bytes, from some uncompressed byte on.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Chain, Cursor, Read, Seek, SeekFrom},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use flate2::read::MultiGzDecoder;

/// Bytes read from a file at once, and decompressed at once.
const BUFFER: usize = 256 << 10;
/// The bytes that tell a format.
const MAGIC: usize = 4;

/// An opened source.
pub(super) struct Source {
    /// Its uncompressed bytes from the offset on.
    pub(super) reader: Box<dyn BufRead + Send>,
    /// Bytes of it that were read so far, as they lie on disk.
    pub(super) consumed: Arc<AtomicU64>,
}

#[derive(Debug, PartialEq, Eq)]
enum Compression {
    None,
    Gzip,
    Zstd,
}

impl Compression {
    fn of(magic: &[u8]) -> Self {
        match magic {
            [0x1f, 0x8b, ..] => Self::Gzip,
            // A frame, or a skippable frame such as parallel compressors put first.
            [0x28, 0xb5, 0x2f, 0xfd] | [0x50..=0x5f, 0x2a, 0x4d, 0x18] => Self::Zstd,
            _ => Self::None,
        }
    }
}

impl Source {
    /// Opens a file at an uncompressed byte.
    pub(super) fn file(path: &Path, offset: u64) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let magic = magic(&mut file)?;
        if Compression::of(&magic) == Compression::None {
            if offset > file.metadata()?.len() {
                return Err(shorter());
            }
            file.seek(SeekFrom::Start(offset))?;
            let (reader, consumed) = counted(file, offset);
            return Ok(Self { reader: Box::new(BufReader::with_capacity(BUFFER, reader)), consumed });
        }
        file.seek(SeekFrom::Start(0))?;
        let mut source = Self::stream(file)?;
        let skipped = io::copy(&mut source.reader.by_ref().take(offset), &mut io::sink())?;
        if skipped < offset { Err(shorter()) } else { Ok(source) }
    }

    /// Reads a stream from its beginning.
    pub(super) fn stream(stream: impl Read + Send + 'static) -> io::Result<Self> {
        let (mut reader, consumed) = counted(stream, 0);
        let magic = magic(&mut reader)?;
        let compression = Compression::of(&magic);
        let whole: Chain<_, _> = Cursor::new(magic).chain(reader);
        let reader: Box<dyn Read + Send> = match compression {
            Compression::None => Box::new(whole),
            Compression::Gzip => Box::new(MultiGzDecoder::new(BufReader::with_capacity(BUFFER, whole))),
            Compression::Zstd => Box::new(zstd::Decoder::new(whole)?),
        };
        Ok(Self { reader: Box::new(BufReader::with_capacity(BUFFER, reader)), consumed })
    }
}

fn shorter() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "it is shorter than it was; use --restart")
}

/// The first bytes; fewer if the source is that short.
fn magic(reader: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut magic = Vec::with_capacity(MAGIC);
    reader.take(MAGIC as u64).read_to_end(&mut magic)?;
    Ok(magic)
}

fn counted<R: Read>(reader: R, from: u64) -> (Counted<R>, Arc<AtomicU64>) {
    let consumed = Arc::new(AtomicU64::new(from));
    (Counted { reader, consumed: Arc::clone(&consumed) }, consumed)
}

struct Counted<R> {
    reader: R,
    consumed: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.consumed.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression as Level, write::GzEncoder};

    use super::*;

    const TEXT: &[u8] = b"one\ntwo\nthree\n";

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Level::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn rest(bytes: &[u8], offset: u64) -> io::Result<Vec<u8>> {
        let mut file = tempfile::NamedTempFile::new()?;
        file.write_all(bytes)?;
        let mut text = Vec::new();
        Source::file(file.path(), offset)?.reader.read_to_end(&mut text)?;
        Ok(text)
    }

    #[test]
    fn every_compression_is_told_by_its_first_bytes_and_read_from_any_byte_on() {
        for bytes in [TEXT.to_vec(), gzip(TEXT), zstd::encode_all(TEXT, 1).unwrap()] {
            assert_eq!(rest(&bytes, 0).unwrap(), TEXT);
            assert_eq!(rest(&bytes, 4).unwrap(), b"two\nthree\n");
            assert_eq!(rest(&bytes, 14).unwrap(), b"");
            assert!(rest(&bytes, 15).is_err());
        }
    }

    #[test]
    fn files_that_were_compressed_in_parts_are_read_to_their_end() {
        assert_eq!(rest(&[gzip(b"one\n"), gzip(b"two\n")].concat(), 0).unwrap(), b"one\ntwo\n");
        let parts = [zstd::encode_all(&b"one\n"[..], 1).unwrap(), zstd::encode_all(&b"two\n"[..], 1).unwrap()];
        assert_eq!(rest(&parts.concat(), 0).unwrap(), b"one\ntwo\n");
    }

    #[test]
    fn a_source_may_be_shorter_than_what_tells_its_format() {
        for text in [&b""[..], b"\n", b"{}"] {
            assert_eq!(rest(text, 0).unwrap(), text);
        }
    }

    #[test]
    fn a_compressed_file_that_breaks_off_is_an_error_and_no_end() {
        let whole = gzip(&TEXT.repeat(1000));
        assert!(rest(&whole[..whole.len() - 9], 0).is_err());
        let whole = zstd::encode_all(&TEXT.repeat(1000)[..], 1).unwrap();
        assert!(rest(&whole[..whole.len() - 3], 0).is_err());
    }
}
