//! Cursors: where a page of a split ends, so that the next one begins there.
//!
//! A cursor holds what the last row was sorted by and its key, and not how many rows came before. So rows that come or go meanwhile
//! move no other row from one page to the next. It is a text for the caller to send back as it is: it says which question it belongs
//! to by a hash, and one that belongs to another, or was changed, is refused. It grants nothing: the account is that of the key.

use std::fmt::Write as _;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use schema::Rate;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{ReportSpec, SortKey, SpecError, report::Row};

/// The longest cursor in bytes: three keys of the longest values, encoded.
const LONGEST: usize = 16 * 1024;
/// How much of the hash a cursor carries.
const HASH: usize = 12;
/// What the hash covers first, so that it is no hash of anything else.
const CONTEXT: &str = "postlens cursor 1";

/// The place of a row in the order of a split.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Position {
    /// What the row was sorted by.
    pub(crate) value: Sorted,
    /// Its key, as reports show it, but for the empty and the other values.
    pub(crate) key: Vec<String>,
}

/// What a row was sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Sorted {
    /// A measure.
    #[serde(rename = "m")]
    Measure(i64),
    /// A rate: what was counted, and among what; 0 where there is no rate.
    #[serde(rename = "r")]
    Rate(i64, i64),
    /// A part of the key.
    #[serde(rename = "k")]
    Key,
}

impl Position {
    /// The place of a row.
    pub(crate) fn of(spec: &ReportSpec, row: &Row) -> Self {
        let value = match spec.sort.key {
            SortKey::Measure(measure) => Sorted::Measure(row.measures[measure]),
            SortKey::Rate(rate) => {
                let known = rate != Rate::SpamRate || !spec.is_silent(&row.key);
                let among = if known { row.measures[rate.denominator()] } else { 0 };
                Sorted::Rate(row.measures[rate.numerator()], among)
            }
            SortKey::Dimension(_) => Sorted::Key,
        };
        Self { value, key: row.key.clone() }
    }

    /// The cursor of that place among the answers to `spec`.
    pub(crate) fn write(&self, spec: &ReportSpec) -> String {
        seal(&question(spec), self)
    }

    /// The place that a cursor of `spec` names.
    pub(crate) fn read(cursor: &str, spec: &ReportSpec) -> Result<Self, SpecError> {
        let refused = || {
            let expected = "a `next` of the same report, unchanged; without `cursor` the first page is shown";
            SpecError::value("cursor", cursor, expected)
        };
        let position: Self = open(&question(spec), cursor).ok_or_else(refused)?;
        position.fits(spec).then_some(position).ok_or_else(refused)
    }

    fn fits(&self, spec: &ReportSpec) -> bool {
        let sorted = matches!(
            (self.value, spec.sort.key),
            (Sorted::Measure(_), SortKey::Measure(_))
                | (Sorted::Rate(..), SortKey::Rate(_))
                | (Sorted::Key, SortKey::Dimension(_))
        );
        let mut keys = spec.by.iter().zip(&self.key);
        let known = keys.all(|(by, value)| by.time().is_none_or(|part| part.number(value).is_some()));
        sorted && known && self.key.len() == spec.by.len()
    }
}

/// A place among the answers to a question, as a cursor.
pub(crate) fn seal(question: &str, position: &impl Serialize) -> String {
    let payload = serde_json::to_vec(position).expect("texts and numbers can be written");
    let mut bytes = hash(question, &payload)[..HASH].to_vec();
    bytes.extend(payload);
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// The place that a cursor of the question names; `None` when it is none, belongs to another question, or was changed.
pub(crate) fn open<T: DeserializeOwned>(question: &str, cursor: &str) -> Option<T> {
    let text = Some(cursor).filter(|text| text.len() <= LONGEST)?;
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
    let (given, payload) = bytes.split_at_checked(HASH)?;
    (*given == hash(question, payload)[..HASH]).then(|| serde_json::from_slice(payload).ok())?
}

/// What the position is a place in. What is shown of a row, and how many rows, may differ from page to page.
fn question(spec: &ReportSpec) -> String {
    let mut question = String::from(CONTEXT);
    let ReportSpec { range, tz, basis, by, filters, sort, min_volume, .. } = spec;
    let tz = tz.name();
    write!(question, "{range:?} {tz} {basis:?} {by:?} {filters:?} {sort:?} {min_volume}")
        .expect("writing to a String does not fail");
    question
}

fn hash(question: &str, payload: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(blake3::hash(question.as_bytes()).as_bytes()).update(payload);
    *hasher.finalize().as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{split_spec, traffic};

    const BY: (&str, &str) = ("by", "weekday,subject");

    fn row() -> Row {
        Row {
            key: vec!["monday".to_owned(), "Grüße \"🏥\"".to_owned()],
            measures: traffic(100, 3),
            hidden: crate::suppression::MeasureSet::default(),
        }
    }

    #[test]
    fn a_cursor_is_read_as_it_was_written_whatever_is_shown_of_the_rows() {
        for sort in ["-queued", "ctr", "subject"] {
            let spec = split_spec(&[BY, ("sort", sort)]);
            let position = Position::of(&spec, &row());
            let other = split_spec(&[
                BY,
                ("sort", sort),
                ("limit", "3"),
                ("measures", "opened"),
                ("rates", ""),
                ("compare", "previous"),
            ]);
            assert_eq!(Position::read(&position.write(&spec), &other), Ok(position));
        }
    }

    #[test]
    fn a_cursor_of_another_question_is_refused() {
        let cursor = Position::of(&split_spec(&[BY]), &row()).write(&split_spec(&[BY]));
        for other in [
            [BY, ("sort", "queued")],
            [BY, ("basis", "event")],
            [BY, ("filter", "subject:is:x")],
            [BY, ("to", "2026-11-07")],
            [BY, ("tz", "UTC")],
            [BY, ("min_volume", "1")],
            [("by", "subject,weekday"), ("limit", "50")],
        ] {
            let error = Position::read(&cursor, &split_spec(&other)).unwrap_err();
            assert_eq!(error.parameter(), "cursor", "{other:?}");
        }
    }

    #[test]
    fn a_cursor_with_any_letter_changed_is_refused() {
        let spec = split_spec(&[BY]);
        let cursor = Position::of(&spec, &row()).write(&spec);
        for place in 0..cursor.len() {
            let letter = if cursor.as_bytes()[place] == b'A' { "B" } else { "A" };
            let changed = format!("{}{letter}{}", &cursor[..place], &cursor[place + 1..]);
            assert!(Position::read(&changed, &spec).is_err(), "{place}");
        }
        for text in ["", "AAAA", "'; DROP TABLE cube", &"A".repeat(LONGEST + 4)] {
            assert!(Position::read(text, &spec).is_err());
        }
    }

    #[test]
    fn a_position_that_fits_no_row_of_the_question_is_refused_even_with_its_hash() {
        let spec = split_spec(&[BY]);
        let key = |first: &str| vec![first.to_owned(), String::new()];
        for position in [
            Position { value: Sorted::Key, key: key("monday") },
            Position { value: Sorted::Measure(1), key: key("someday") },
            Position { value: Sorted::Measure(1), key: vec!["monday".to_owned()] },
        ] {
            assert!(Position::read(&position.write(&spec), &spec).is_err(), "{position:?}");
        }
    }
}
