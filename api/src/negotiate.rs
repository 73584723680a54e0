//! Which format an answer has: the one that `format` names, else the one that the header `Accept` likes best (RFC 9110, 12.5.1).

use axum::http::{HeaderMap, header};
use query::Format;

use crate::problem::{Kind, Problem};

/// How much a media range is liked, and how precisely it was named. Ordered by liking first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Liking {
    /// Thousandths.
    quality: u16,
    precision: u8,
}

/// The format of the answer.
///
/// # Errors
/// When `Accept` allows none of ours.
pub(crate) fn format(named: Option<Format>, headers: &HeaderMap) -> Result<Format, Problem> {
    if let Some(format) = named {
        return Ok(format);
    }
    let accept: Vec<&str> = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    if accept.iter().all(|value| value.trim().is_empty()) {
        return Ok(Format::Json);
    }
    let ranges: Vec<Range> = accept.iter().flat_map(|value| value.split(',')).filter_map(range).collect();
    let liked = Format::ALL.into_iter().rev().filter_map(|format| {
        let (kind, subtype) = format.media_type();
        let best =
            ranges.iter().filter_map(|range| range.liking(kind, subtype)).max_by_key(|liking| liking.precision)?;
        (best.quality > 0).then_some((best, format))
    });
    // The last of equals is taken, and the formats run backwards: the first.
    liked.max_by_key(|(liking, _)| *liking).map(|(_, format)| format).ok_or_else(|| {
        let offers = Format::ALL.map(|format| {
            let (kind, subtype) = format.media_type();
            format!("{kind}/{subtype}")
        });
        let detail = format!("reports are {}; name one in `Accept` or `format`", offers.join(", "));
        Problem::new(Kind::NotAcceptable, detail)
    })
}

/// One element of `Accept`.
struct Range<'a> {
    kind: &'a str,
    subtype: &'a str,
    quality: u16,
}

impl Range<'_> {
    fn liking(&self, kind: &str, subtype: &str) -> Option<Liking> {
        let precision = match (self.kind, self.subtype) {
            ("*", "*") => 0,
            (own, "*") if own.eq_ignore_ascii_case(kind) => 1,
            (own, rest) if own.eq_ignore_ascii_case(kind) && rest.eq_ignore_ascii_case(subtype) => 2,
            _ => return None,
        };
        Some(Liking { quality: self.quality, precision })
    }
}

/// An element that is not understood is as good as absent.
fn range(text: &str) -> Option<Range<'_>> {
    let mut parts = text.split(';').map(str::trim);
    let (kind, subtype) = parts.next()?.split_once('/')?;
    let quality = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case("q").then(|| value.trim().parse::<f32>().ok())
    });
    let quality = match quality {
        None => 1.0,
        Some(value) => value.filter(|value| (0.0..=1.0).contains(value))?,
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it lies between 0 and 1000")]
    let quality = (quality * 1000.0).round() as u16;
    Some(Range { kind, subtype, quality })
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn accepted(values: &[&'static str]) -> Option<Format> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::ACCEPT, HeaderValue::from_static(value));
        }
        format(None, &headers).ok()
    }

    #[test]
    fn what_is_liked_best_is_answered() {
        for (accept, format) in [
            (&[][..], Format::Json),
            (&[""], Format::Json),
            (&["*/*"], Format::Json),
            (&["text/csv"], Format::Csv),
            (&["IMAGE/PNG"], Format::Png),
            (&["image/svg+xml, image/png;q=0.9"], Format::Svg),
            (&["application/x-ndjson"], Format::Ndjson),
            (&["application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"], Format::Xlsx),
            (&["text/csv;q=0.5, image/png;q=0.7"], Format::Png),
            (&["text/csv;q=0.5", "application/json;q=0.4"], Format::Csv),
            (&["text/html, image/*;q=0.9, */*;q=0.1"], Format::Png),
            (&["*/*, application/json;q=0"], Format::Csv),
            (&["image/png, */*"], Format::Png),
            (&["text/csv; header=present; q=0.8, image/png;q=0.2"], Format::Csv),
        ] {
            assert_eq!(accepted(accept), Some(format), "{accept:?}");
        }
    }

    #[test]
    fn what_we_do_not_have_is_not_acceptable() {
        for accept in ["text/html", "application/json;q=0", "*/*;q=0", "nonsense", "application/json;q=7"] {
            assert_eq!(accepted(&[accept]), None, "{accept}");
        }
    }

    #[test]
    fn a_named_format_outranks_the_header() {
        let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static("text/html"))]);
        assert_eq!(format(Some(Format::Png), &headers).ok(), Some(Format::Png));
    }
}
