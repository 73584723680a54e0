//! Request bodies: read and decoded as they come, within hard limits of size, memory and time.

use std::{io, pin::pin, time::Duration};

use async_compression::{
    tokio::bufread::{GzipDecoder, ZstdDecoder},
    zstd::DParameter,
};
use axum::{
    body::{Body, BodyDataStream},
    http::{HeaderMap, HeaderValue, header},
};
use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use ingest::Buffers;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    time::timeout,
};
use tokio_util::io::StreamReader;

use crate::{
    admission::Room,
    problem::{Kind, Problem},
};

/// The window that a zstd stream may ask for, as a power of two: 8 MiB, what RFC 9659 allows in HTTP.
const ZSTD_WINDOW: u32 = 23;

/// The first piece of memory for a body.
const FIRST: usize = 64 << 10;

/// How long, and how much, a refused body is still read, so that a client in the midst of sending gets to read why: twice its limit,
/// and small limits are no reason to be short with a client.
const DISCARD_TIME: Duration = Duration::from_secs(5);
const DISCARD_LIMITS: usize = 2;
const DISCARD_BYTES: usize = 16 << 20;

/// What a body may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyLimits {
    /// Bytes, as sent and as decoded.
    pub(crate) bytes: usize,
    /// How long it may take to come.
    pub(crate) time: Duration,
}

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Identity,
    Gzip,
    Zstd,
}

/// The decoded body. The memory it takes is accounted for in `room`, which the caller keeps as long as the bytes.
///
/// # Errors
/// When the body is too large, too slow, wrongly encoded, or there is no memory for it now.
pub(crate) async fn read(
    headers: &HeaderMap,
    body: Body,
    limits: BodyLimits,
    room: &mut Room,
) -> Result<Bytes, Problem> {
    let mut stream = body.into_data_stream();
    let result = match encoding(headers) {
        Ok(encoding) => decode(headers, encoding, &mut stream, limits, room).await,
        Err(problem) => Err(problem),
    };
    if result.is_err() {
        discard(headers, stream, limits).await;
    }
    result
}

/// Refuses a request before its body was read.
pub(crate) async fn refuse(headers: &HeaderMap, body: Body, limits: BodyLimits, problem: Problem) -> Problem {
    discard(headers, body.into_data_stream(), limits).await;
    problem
}

async fn decode(
    headers: &HeaderMap,
    encoding: Encoding,
    stream: &mut BodyDataStream,
    limits: BodyLimits,
    room: &mut Room,
) -> Result<Bytes, Problem> {
    let announced: Option<usize> =
        headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()).and_then(|text| text.parse().ok());
    if announced.is_some_and(|length| length > limits.bytes) {
        return Err(too_large(limits));
    }
    let reader = StreamReader::new(bounded(stream, limits.bytes));
    let work = async {
        match encoding {
            Encoding::Identity => collect(reader, announced, limits, room).await,
            Encoding::Gzip => {
                let mut decoder = GzipDecoder::new(reader);
                decoder.multiple_members(true);
                collect(decoder, None, limits, room).await
            }
            Encoding::Zstd => {
                let mut decoder = ZstdDecoder::with_params(reader, &[DParameter::window_log_max(ZSTD_WINDOW)]);
                decoder.multiple_members(true);
                collect(decoder, None, limits, room).await
            }
        }
    };
    let late = || Problem::new(Kind::BodyTimeout, format!("send the body within {} seconds", limits.time.as_secs()));
    timeout(limits.time, work).await.map_err(|_| late())?
}

/// What the header `Content-Encoding` says.
fn encoding(headers: &HeaderMap) -> Result<Encoding, Problem> {
    let mut values = headers.get_all(header::CONTENT_ENCODING).iter();
    let encoding = match (values.next(), values.next()) {
        (None, _) => Some(Encoding::Identity),
        (Some(value), None) => match value.to_str().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Some(Encoding::Identity),
            "gzip" | "x-gzip" => Some(Encoding::Gzip),
            "zstd" => Some(Encoding::Zstd),
            _ => None,
        },
        (Some(_), Some(_)) => None,
    };
    encoding.ok_or_else(|| {
        let detail = "`Content-Encoding` is one of gzip, zstd and identity, and stands once";
        Problem::new(Kind::UnsupportedMediaType, detail)
            .header(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip, zstd, identity"))
    })
}

/// The stream, cut off with an error after so many bytes: compressed data that decodes to nothing must end too.
fn bounded(stream: &mut BodyDataStream, limit: usize) -> impl Stream<Item = io::Result<Bytes>> + Unpin {
    let mut left = limit;
    stream.map(move |chunk| {
        let chunk = chunk.map_err(io::Error::other)?;
        left = left.checked_sub(chunk.len()).ok_or(io::ErrorKind::FileTooLarge)?;
        Ok(chunk)
    })
}

async fn collect(
    reader: impl AsyncRead,
    announced: Option<usize>,
    limits: BodyLimits,
    room: &mut Room,
) -> Result<Bytes, Problem> {
    let mut reader = pin!(reader);
    // One byte more than the body may have, so that its end is seen without growing.
    let most = announced.unwrap_or(limits.bytes).min(limits.bytes) + 1;
    // Memory that is there already may be as large as what was announced.
    let expected = announced.map_or(0, |_| most);
    let mut decoded: Vec<u8> = Vec::new();
    loop {
        if decoded.len() > limits.bytes {
            return Err(too_large(limits));
        }
        if decoded.len() == decoded.capacity() {
            grow(&mut decoded, expected, most, room)?;
        }
        match reader.read_buf(&mut decoded).await {
            Ok(0) => return Ok(if decoded.capacity() > FIRST { room.lend(decoded) } else { decoded.into() }),
            // A decoder that is fed from memory never waits: let others run.
            Ok(_) => tokio::task::consume_budget().await,
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => return Err(too_large(limits)),
            Err(_) => {
                return Err(Problem::new(Kind::Malformed, "the body is cut short or not encoded as its header says"));
            }
        }
    }
}

/// Makes room for more of a body.
fn grow(body: &mut Vec<u8>, expected: usize, most: usize, room: &mut Room) -> Result<(), Problem> {
    // Memory follows what has come, not what was announced: a client that sends nothing holds nothing.
    let capacity = (body.len() * 2).max(FIRST).min(most).max(body.len() + 1);
    if !body.is_empty()
        && let Some(mut spare) = room.spare(expected.max(capacity))
    {
        room.grow_to(spare.capacity())?;
        spare.extend_from_slice(body);
        *body = spare;
        return Ok(());
    }
    // What was announced comes to its end here: the memory shall fit the next such body, too.
    let capacity = if capacity == expected { Buffers::size(capacity) } else { capacity };
    room.grow_to(capacity)?;
    body.reserve_exact(capacity - body.len());
    Ok(())
}

fn too_large(limits: BodyLimits) -> Problem {
    Problem::new(
        Kind::TooLarge,
        format!("a body has at most {} bytes, compressed and decoded; send parts", limits.bytes),
    )
}

/// Reads on for a while and throws away. A client that waits for leave to send (`Expect`) has sent nothing.
async fn discard(headers: &HeaderMap, mut stream: BodyDataStream, limits: BodyLimits) {
    if headers.contains_key(header::EXPECT) {
        return;
    }
    let work = async {
        let mut read = 0;
        while let Some(Ok(chunk)) = stream.next().await {
            read += chunk.len();
            if read > DISCARD_BYTES.max(limits.bytes * DISCARD_LIMITS) {
                break;
            }
        }
    };
    // Whether it ended or time was up makes no difference.
    let _ = timeout(DISCARD_TIME, work).await;
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, io::Write as _};

    use futures::stream;

    use super::*;
    use crate::admission::Admission;

    const LIMITS: BodyLimits = BodyLimits { bytes: 1 << 20, time: Duration::from_mins(1) };

    fn headers(encoding: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in encoding {
            headers.append(header::CONTENT_ENCODING, HeaderValue::from_static(value));
        }
        headers
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    async fn read_all(encoding: &[&'static str], body: impl Into<Body>) -> Result<Bytes, Problem> {
        let admission = Admission::new(1 << 30, 1);
        read(&headers(encoding), body.into(), LIMITS, &mut admission.room()).await
    }

    #[tokio::test]
    async fn a_body_is_the_same_however_it_is_encoded_and_cut() {
        let plain = b"hello events\n".repeat(5_000);
        let zstd = zstd::encode_all(plain.as_slice(), 3).unwrap();
        for (encoding, sent) in [
            (&[][..], plain.clone()),
            (&["identity"], plain.clone()),
            (&["gzip"], gzip(&plain)),
            (&["GZIP"], [gzip(&plain[..100]), gzip(&plain[100..])].concat()),
            (&["zstd"], zstd.clone()),
            (
                &["zstd"],
                [zstd::encode_all(&plain[..7], 1).unwrap(), zstd::encode_all(&plain[7..], 1).unwrap()].concat(),
            ),
        ] {
            let chunks: Vec<_> = sent.chunks(977).map(|c| Ok::<_, Infallible>(Bytes::copy_from_slice(c))).collect();
            let read = read_all(encoding, Body::from_stream(stream::iter(chunks))).await.unwrap();
            assert!(read == plain, "{encoding:?}");
        }
    }

    #[tokio::test]
    async fn the_limit_itself_is_allowed_and_one_byte_more_is_not() {
        for (extra, allowed) in [(0, true), (1, false)] {
            let plain = vec![b'x'; LIMITS.bytes + extra];
            let zstd = zstd::encode_all(plain.as_slice(), 3).unwrap();
            for (encoding, sent) in [(&[][..], plain.clone()), (&["gzip"], gzip(&plain)), (&["zstd"], zstd)] {
                let result = read_all(encoding, sent).await;
                match result {
                    Ok(bytes) => assert!(allowed && bytes.len() == plain.len()),
                    Err(problem) => assert!(!allowed && problem.kind() == Kind::TooLarge, "{problem:?}"),
                }
            }
        }
    }

    #[tokio::test]
    async fn a_bomb_takes_no_more_memory_than_the_limit() {
        let bomb = gzip(&vec![0; 200 << 20]);
        assert!(bomb.len() < LIMITS.bytes);
        let admission = Admission::new(LIMITS.bytes as u64 + 1, 1);
        let problem = read(&headers(&["gzip"]), bomb.into(), LIMITS, &mut admission.room()).await.unwrap_err();
        assert_eq!(problem.kind(), Kind::TooLarge);
    }

    #[tokio::test]
    async fn compressed_data_that_decodes_to_nothing_ends_at_the_limit() {
        let empty = Bytes::from(gzip(b"").repeat(1_000));
        let endless = stream::iter(std::iter::repeat_with(move || Ok::<_, Infallible>(empty.clone())).take(1_000));
        let problem = read_all(&["gzip"], Body::from_stream(endless)).await.unwrap_err();
        assert_eq!(problem.kind(), Kind::TooLarge);
    }

    #[tokio::test]
    async fn a_zstd_stream_that_asks_for_a_huge_window_is_refused() {
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(27).unwrap();
        encoder.include_contentsize(false).unwrap();
        encoder.write_all(&vec![b'x'; 300_000]).unwrap();
        let problem = read_all(&["zstd"], encoder.finish().unwrap()).await.unwrap_err();
        assert_eq!(problem.kind(), Kind::Malformed);
    }

    #[tokio::test]
    async fn what_is_not_encoded_as_announced_is_malformed() {
        let cut = gzip(b"hello, hello, hello");
        for (encoding, sent) in
            [("gzip", b"hello".to_vec()), ("zstd", b"hello".to_vec()), ("gzip", cut[..cut.len() - 5].to_vec())]
        {
            assert_eq!(read_all(&[encoding], sent).await.unwrap_err().kind(), Kind::Malformed, "{encoding}");
        }
    }

    #[tokio::test]
    async fn unknown_and_several_encodings_are_refused() {
        for encoding in [&["br"][..], &["gzip, gzip"], &["gzip", "zstd"], &["deflate"]] {
            let problem = read_all(encoding, "x").await.unwrap_err();
            assert_eq!(problem.kind(), Kind::UnsupportedMediaType, "{encoding:?}");
        }
    }

    #[tokio::test]
    async fn a_body_that_finds_no_memory_is_told_to_come_back() {
        let admission = Admission::new(100 << 10, 1);
        let body = vec![b'x'; 200 << 10];
        let problem = read(&headers(&[]), body.into(), LIMITS, &mut admission.room()).await.unwrap_err();
        assert_eq!(problem.kind(), Kind::Overloaded);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_in_time_is_given_up() {
        let problem =
            read_all(&[], Body::from_stream(stream::pending::<Result<Bytes, Infallible>>())).await.unwrap_err();
        assert_eq!(problem.kind(), Kind::BodyTimeout);
    }
}
