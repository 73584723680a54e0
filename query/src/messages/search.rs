//! The search for messages, newest first, page by page. A cursor holds the place of the last message, and not how many came before:
//! messages that come meanwhile move none from one page to the next.

use std::collections::HashSet;

use schema::{AccountId, ClickHouse, Millis};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Message, row::Read, written};
use crate::{
    Limits, QueryError, SpecError, cursor,
    request::scalar,
    run::ask,
    sql,
    when::{Range, time_zone},
};

/// The most messages of a page.
const MOST: u32 = 500;
/// The messages of a page where nothing else is asked for.
const USUAL: u32 = 50;

/// Which messages are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MessagesRequest {
    /// The recipient.
    #[param(example = "pat@example.com")]
    pub recipient: Option<String>,
    /// The message id, with or without `<>`.
    pub message_id: Option<String>,
    /// The campaign; `(none)` are messages without one.
    pub campaign: Option<String>,
    /// `delivered`, `failed`, `pending`, or of the pending `deferred` or `queued`.
    pub outcome: Option<String>,
    /// Sent since then: an RFC 3339 time on a quarter of an hour, or a date in `tz`. Required without `recipient` and `message_id`.
    #[param(example = "2026-11-01")]
    pub from: Option<String>,
    /// Sent before then. Required with `from`.
    #[param(example = "2026-12-01")]
    pub to: Option<String>,
    /// The time zone of dates, an IANA name. Default: UTC.
    #[param(example = "America/New_York")]
    pub tz: Option<String>,
    /// The most messages to show. Default: 50.
    #[serde(default, deserialize_with = "scalar")]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 500)]
    pub limit: Option<String>,
    /// Where to go on: `next` of the page before, all other parameters being the same but for `limit`.
    pub cursor: Option<String>,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Delivered,
    Failed,
    Pending,
    Deferred,
    Queued,
}

/// The place of a message in the order of a search.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    /// In milliseconds.
    pub(crate) sent_at: i64,
    /// The delivery's key, a number.
    pub(crate) key: String,
}

/// A search, judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageSpec {
    pub(crate) range: Option<Range>,
    pub(crate) recipient: Option<String>,
    pub(crate) message_id: Option<String>,
    pub(crate) campaign: Option<String>,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) limit: u32,
    pub(crate) after: Option<Place>,
}

/// A page of messages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Messages)]
pub struct Found {
    /// Every event that was acknowledged before this moment is counted.
    #[schema(format = DateTime)]
    pub as_of: String,
    /// Newest first.
    pub messages: Vec<Message>,
    /// The `cursor` of the next page; null on the last.
    #[schema(required)]
    pub next: Option<String>,
}

impl MessageSpec {
    /// Judges a request.
    ///
    /// # Errors
    /// Names the parameter and what to change.
    pub fn new(request: &MessagesRequest) -> Result<Self, SpecError> {
        let tz = time_zone(request.tz.as_deref())?;
        let recipient = request.recipient.as_deref().map(|text| {
            let normal = schema::recipient(text).map(std::borrow::Cow::into_owned);
            normal.map_err(|error| SpecError::value("recipient", text, format!("it {error}")))
        });
        let message_id = request.message_id.as_deref().map(|text| {
            let normal = schema::message_id(text).map(str::to_owned);
            normal.map_err(|error| SpecError::value("message_id", text, format!("it {error}")))
        });
        let (recipient, message_id) = (recipient.transpose()?, message_id.transpose()?);
        let range = match (request.from.as_deref(), request.to.as_deref()) {
            (None, None) if recipient.is_some() || message_id.is_some() => None,
            (from, to) => Some(Range::new(from.unwrap_or_default(), to.unwrap_or_default(), tz)?),
        };
        let campaign = request.campaign.clone().map(|name| if name == "(none)" { String::new() } else { name });
        let outcome = request.outcome.as_deref().map(outcome).transpose()?;
        let limit = match request.limit.as_deref() {
            None => USUAL,
            Some(text) => {
                let number = text.parse().ok().filter(|number| (1..=MOST).contains(number));
                number.ok_or_else(|| SpecError::value("limit", text, format!("a whole number from 1 to {MOST}")))?
            }
        };
        let mut spec = Self { range, recipient, message_id, campaign, outcome, limit, after: None };
        if let Some(text) = request.cursor.as_deref() {
            let place = cursor::open(&spec.question(), text).filter(|place: &Place| place.key.parse::<u128>().is_ok());
            let expected = "a `next` of the same search, unchanged; without `cursor` the first page is shown";
            spec.after = Some(place.ok_or_else(|| SpecError::value("cursor", text, expected))?);
        }
        Ok(spec)
    }

    /// What a cursor belongs to.
    fn question(&self) -> String {
        let Self { range, recipient, message_id, campaign, outcome, .. } = self;
        format!("postlens messages 1 {range:?} {recipient:?} {message_id:?} {campaign:?} {outcome:?}")
    }
}

fn outcome(text: &str) -> Result<Outcome, SpecError> {
    match text {
        "delivered" => Ok(Outcome::Delivered),
        "failed" => Ok(Outcome::Failed),
        "pending" => Ok(Outcome::Pending),
        "deferred" => Ok(Outcome::Deferred),
        "queued" => Ok(Outcome::Queued),
        _ => Err(SpecError::value("outcome", text, "`delivered`, `failed`, `pending`, `deferred` or `queued`")),
    }
}

/// A page of an account's messages.
///
/// # Errors
/// Whether to try again later, to ask for less, or to look for a defect.
pub async fn messages(
    clickhouse: &ClickHouse,
    account: &AccountId,
    spec: &MessageSpec,
    as_of: Millis,
    limits: &Limits,
) -> Result<Found, QueryError> {
    let answer = ask(clickhouse, limits, &sql::messages(account, spec)).await?;
    let mut found = answer.rows().map(Read::of).collect::<Result<Vec<_>, _>>()?;
    let more = found.len() > spec.limit as usize;
    found.truncate(spec.limit as usize);
    tell_deferred(clickhouse, account, limits, &mut found).await?;
    let last = found.last().filter(|_| more);
    let next = last.map(|last| cursor::seal(&spec.question(), &Place { sent_at: last.sent_at, key: last.key.clone() }));
    Ok(Found { as_of: written(as_of.0), messages: found.into_iter().map(|read| read.message).collect(), next })
}

/// Of those that are in the queue still, the state does not say which were deferred: their events do.
pub(super) async fn tell_deferred(
    clickhouse: &ClickHouse,
    account: &AccountId,
    limits: &Limits,
    found: &mut [Read],
) -> Result<(), QueryError> {
    let pending: Vec<_> = found.iter().filter(|read| read.is_pending()).map(|read| read.key.clone()).collect();
    if pending.is_empty() {
        return Ok(());
    }
    let answer = ask(clickhouse, limits, &sql::deferred(account, pending)).await?;
    let deferred =
        answer.rows().map(|row| Ok(row.texts(0, 1)?.concat())).collect::<Result<HashSet<_>, QueryError>>()?;
    for read in found.iter_mut().filter(|read| read.is_pending() && deferred.contains(&read.key)) {
        "deferred".clone_into(&mut read.message.outcome);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::unnecessary_wraps, reason = "it is how a parameter that is given stands in a request")]
    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn a_search_is_bounded_by_a_range_or_names_a_message_or_a_recipient() {
        let error = MessageSpec::new(&MessagesRequest { campaign: some("c"), ..Default::default() }).unwrap_err();
        assert_eq!(error.parameter(), "from");
        let request = MessagesRequest { recipient: some(" Pat@Example.com "), ..Default::default() };
        assert_eq!(MessageSpec::new(&request).unwrap().recipient.as_deref(), Some("pat@example.com"));
        let request = MessagesRequest { message_id: some("<m>"), from: some("2026-11-01"), ..Default::default() };
        assert_eq!(MessageSpec::new(&request).unwrap_err().parameter(), "to");
    }

    #[test]
    fn what_is_wrong_is_told_by_name() {
        let base = || MessagesRequest { message_id: some("m"), ..Default::default() };
        for (request, parameter) in [
            (MessagesRequest { limit: some("501"), ..base() }, "limit"),
            (MessagesRequest { limit: some("0"), ..base() }, "limit"),
            (MessagesRequest { outcome: some("lost"), ..base() }, "outcome"),
            (MessagesRequest { recipient: some("x"), ..base() }, "recipient"),
            (MessagesRequest { cursor: some("AAAA"), ..base() }, "cursor"),
            (MessagesRequest { tz: some("Mars"), ..base() }, "tz"),
        ] {
            assert_eq!(MessageSpec::new(&request).unwrap_err().parameter(), parameter);
        }
    }

    #[test]
    fn a_cursor_belongs_to_its_search_alone() {
        let request = MessagesRequest { message_id: some("m"), ..Default::default() };
        let spec = MessageSpec::new(&request).unwrap();
        let place = Place { sent_at: 5, key: "7".to_owned() };
        let cursor = Some(cursor::seal(&spec.question(), &place));
        let again = MessagesRequest { cursor: cursor.clone(), limit: some("3"), ..request };
        assert_eq!(MessageSpec::new(&again).unwrap().after, Some(place));
        let other = MessagesRequest { cursor, message_id: some("n"), ..Default::default() };
        assert_eq!(MessageSpec::new(&other).unwrap_err().parameter(), "cursor");
    }

    #[test]
    fn values_are_bound_and_the_account_is_the_first_condition() {
        let request = MessagesRequest {
            message_id: some("' OR 1"),
            campaign: some("x"),
            outcome: some("queued"),
            ..Default::default()
        };
        let sql = sql::messages(&"acme".parse().unwrap(), &MessageSpec::new(&request).unwrap());
        assert!(sql.text.contains("WHERE account = {account:String}\n  AND message_id = {message_id:String}"));
        assert!(!sql.text.contains("' OR 1"));
    }
}
