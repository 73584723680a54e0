//! `/v1/alerts/…`: rules, alerts and what became of them, channels and maintenance windows, each of the caller's account.

pub(crate) mod channels;
pub(crate) mod current;
pub(crate) mod deliveries;
pub(crate) mod history;
pub(crate) mod maintenance;
pub(crate) mod rules;
pub(crate) mod stream;

use chrono::DateTime;
use schema::Millis;

use crate::{
    extract::Pairs,
    problem::{Kind, Problem},
};

/// The most entries of a list that grows.
const MOST: u32 = 1_000;

/// An id of a client's choice, or made here: 1 to 64 characters out of a-z, 0-9, `-` and `_`.
pub(super) fn is_id(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    (1..=64).contains(&text.len()) && text.bytes().all(legal)
}

/// A new id.
pub(super) fn new_id() -> String {
    format!("{:012x}", rand::random::<u64>() >> 16)
}

fn unknown(what: &str) -> Problem {
    Problem::new(Kind::NotFound, format!("this account has no {what} of that id"))
}

/// A time that a client wrote.
fn instant(parameter: &str, text: &str) -> Result<Millis, Problem> {
    let time = DateTime::parse_from_rfc3339(text);
    let time = time.map(|time| Millis(time.timestamp_millis())).ok().filter(|time| (0..=MAX_TIME).contains(&time.0));
    time.ok_or_else(|| {
        Problem::parameter(parameter, format!("`{parameter}` is an RFC 3339 time, like 2026-11-20T14:00:00Z"))
    })
}

/// The year 9999 is far enough.
const MAX_TIME: i64 = 253_402_300_799_999;

/// The parameters of a list, each at most once; others are refused.
fn parameters<const N: usize>(names: [&str; N], Pairs(pairs): Pairs) -> Result<[Option<String>; N], Problem> {
    let mut values = [const { None }; N];
    for (name, value) in pairs {
        let Some(place) = names.iter().position(|known| *known == name) else {
            let known = if N == 0 { "none".to_owned() } else { names.join(", ") };
            return Err(Problem::new(Kind::Malformed, format!("there is no such parameter; there is {known}")));
        };
        if values[place].replace(value).is_some() {
            return Err(Problem::parameter(names[place], format!("`{}` is given twice: give it once", names[place])));
        }
    }
    Ok(values)
}

fn limit(text: Option<&str>) -> Result<u32, Problem> {
    let Some(text) = text else { return Ok(100) };
    let limit = text.parse().ok().filter(|limit| (1..=MOST).contains(limit));
    limit.ok_or_else(|| Problem::parameter("limit", format!("`limit` is a whole number from 1 to {MOST}")))
}
