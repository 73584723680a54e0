//! Recipients to stop mailing, as they come from the database: a row is read, written and forgotten, so a list of any length takes
//! the same memory.

use std::{str::FromStr, time::Duration};

use csv::{Terminator, WriterBuilder};
use schema::{AccountId, ClickHouse, Millis};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::written;
use crate::{
    Limits, QueryError, SpecError,
    csv::{record, safe},
    request::scalar,
    run::malformed,
    sql,
    stream::{Bounds, Lines},
    when::{instant, time_zone},
};

/// How long a list may take, its reader may be slow: it is of all that was ever delivered.
const LONGEST: Duration = Duration::from_mins(30);
/// No row of an answer is longer, in bytes: addresses are shorter.
const LONGEST_ROW: usize = 64 * 1024;
/// A day in milliseconds.
const DAY_MS: i64 = 86_400_000;
/// Without `days` and `min_deliveries`.
const USUAL_DAYS: u32 = 90;
const USUAL_DELIVERIES: u32 = 5;

/// Which recipients are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct HygieneRequest {
    /// `hard_bounced`, `complained`, `unsubscribed` or `unengaged`.
    #[param(required, example = "hard_bounced")]
    pub kind: Option<String>,
    /// Of what happened since then: an RFC 3339 time on a quarter of an hour, or a date in `tz`. Default: ever. Not for `unengaged`.
    #[param(example = "2026-11-01")]
    pub since: Option<String>,
    /// The time zone of a date, an IANA name. Default: UTC.
    #[param(example = "America/New_York")]
    pub tz: Option<String>,
    /// `unengaged`: at least so many messages were delivered in these days. Default: 5.
    #[serde(default, deserialize_with = "scalar")]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 1_000_000)]
    pub min_deliveries: Option<String>,
    /// `unengaged`: how many days of 24 hours, up to now. Default: 90.
    #[serde(default, deserialize_with = "scalar")]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 3_650)]
    pub days: Option<String>,
    /// `ndjson` or `csv`. Default: what the Accept header prefers.
    #[param(example = "csv")]
    pub format: Option<String>,
}

/// Why to stop mailing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A message failed, and the address is bad.
    HardBounced,
    /// It reported spam.
    Complained,
    /// It does not want more.
    Unsubscribed,
    /// No person opens or clicks.
    Unengaged,
}

impl Kind {
    /// Its name in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::HardBounced => "hard_bounced",
            Self::Complained => "complained",
            Self::Unsubscribed => "unsubscribed",
            Self::Unengaged => "unengaged",
        }
    }
}

impl FromStr for Kind {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        let all = [Self::HardBounced, Self::Complained, Self::Unsubscribed, Self::Unengaged];
        let expected = "`hard_bounced`, `complained`, `unsubscribed` or `unengaged`";
        all.into_iter().find(|kind| kind.name() == text).ok_or_else(|| SpecError::value("kind", text, expected))
    }
}

/// The form of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sheet {
    /// A JSON object a line.
    Ndjson,
    /// RFC 4180, with a header.
    Csv,
}

/// A list, judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HygieneSpec {
    kind: Kind,
    /// In milliseconds.
    since: i64,
    min_deliveries: u32,
    sheet: Option<Sheet>,
}

impl HygieneSpec {
    /// Judges a request.
    ///
    /// # Errors
    /// Names the parameter and what to change.
    pub fn new(request: &HygieneRequest, now: Millis) -> Result<Self, SpecError> {
        let expected = || "`hard_bounced`, `complained`, `unsubscribed` or `unengaged`".to_owned();
        let kind = request.kind.as_deref().filter(|kind| !kind.is_empty());
        let kind: Kind = kind.ok_or_else(|| SpecError::Missing { parameter: "kind", expected: expected() })?.parse()?;
        let tz = time_zone(request.tz.as_deref())?;
        let sheet = match request.format.as_deref() {
            None => None,
            Some("ndjson") => Some(Sheet::Ndjson),
            Some("csv") => Some(Sheet::Csv),
            Some(other) => return Err(SpecError::value("format", other, "`ndjson` or `csv`")),
        };
        let unengaged = kind == Kind::Unengaged;
        let (days, least) = (request.days.as_deref(), request.min_deliveries.as_deref());
        let foreign = [
            ("since", request.since.as_deref().filter(|_| unengaged), "it is not for `unengaged`, which takes `days`"),
            ("days", days.filter(|_| !unengaged), "it is for `unengaged` alone; the others take `since`"),
            ("min_deliveries", least.filter(|_| !unengaged), "it is for `unengaged` alone"),
        ];
        if let Some((parameter, given, why)) =
            foreign.into_iter().find_map(|(name, given, why)| Some((name, given?, why)))
        {
            return Err(SpecError::value(parameter, given, why));
        }
        let days = number("days", days, USUAL_DAYS, 3_650)?;
        let min_deliveries = number("min_deliveries", least, USUAL_DELIVERIES, 1_000_000)?;
        let since = match request.since.as_deref() {
            _ if unengaged => now.0 - i64::from(days) * DAY_MS,
            None => 0,
            Some(text) => i64::from(instant("since", text, tz)?) * 1000,
        };
        Ok(Self { kind, since, min_deliveries, sheet })
    }

    /// The form that was asked for by name.
    #[must_use]
    pub const fn sheet(&self) -> Option<Sheet> {
        self.sheet
    }

    /// Why to stop mailing those who are listed.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }
}

fn number(parameter: &'static str, text: Option<&str>, usual: u32, most: u32) -> Result<u32, SpecError> {
    let Some(text) = text else { return Ok(usual) };
    let number = text.parse().ok().filter(|number| (1..=most).contains(number));
    number.ok_or_else(|| SpecError::value(parameter, text, format!("a whole number from 1 to {most}")))
}

/// A recipient to stop mailing.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = HygieneLine, example = json!({
    "recipient": "pat@example.com", "reason": "hard_bounced", "first_at": "2026-11-03T09:00:00.000Z",
    "last_at": "2026-11-20T14:03:07.123Z", "count": 2
}))]
struct Line<'a> {
    recipient: &'a str,
    reason: &'static str,
    first_at: String,
    last_at: String,
    count: u64,
}

/// A list while it is read.
pub struct Hygiene {
    lines: Lines,
    kind: Kind,
    sheet: Sheet,
    /// Whether the header was written.
    headed: bool,
    /// Whether the database has nothing more.
    ended: bool,
}

/// Begins a list.
///
/// # Errors
/// As [`Hygiene::next`].
pub fn hygiene(
    clickhouse: &ClickHouse,
    account: &AccountId,
    spec: &HygieneSpec,
    sheet: Sheet,
    limits: &Limits,
) -> Result<Hygiene, QueryError> {
    let sql = match spec.kind {
        Kind::Unengaged => sql::unengaged(account, spec.since, spec.min_deliveries),
        kind => sql::stopped(account, kind, spec.since),
    };
    let bounds = Bounds { longest: LONGEST, line: LONGEST_ROW };
    let lines = Lines::begin(clickhouse, &sql, limits, &bounds)?;
    Ok(Hygiene { lines, kind: spec.kind, sheet, headed: false, ended: false })
}

impl Hygiene {
    /// The next lines; `None` at the end. CSV has its header first, whatever comes.
    ///
    /// # Errors
    /// Whether to try again later, to ask for less, or to look for a defect. What was answered before is then not the whole list.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, QueryError> {
        let mut lines = Vec::new();
        if !std::mem::replace(&mut self.headed, true) && self.sheet == Sheet::Csv {
            lines.extend_from_slice(b"recipient,reason,first_at,last_at,count\r\n");
        }
        while !self.ended {
            let (kind, sheet) = (self.kind, self.sheet);
            self.ended = !self.lines.next(|row| line(kind, sheet, row, &mut lines)).await?;
            if !lines.is_empty() {
                break;
            }
        }
        Ok(Some(lines).filter(|lines| !lines.is_empty()))
    }
}

/// Writes a row of the answer as a line of the list.
fn line(kind: Kind, sheet: Sheet, row: &[u8], lines: &mut Vec<u8>) -> Result<(), QueryError> {
    let row: (String, i64, i64, u64) = serde_json::from_slice(row).map_err(|_| malformed("no row of a list"))?;
    let (recipient, first, last, count) = row;
    let line =
        Line { recipient: &recipient, reason: kind.name(), first_at: written(first), last_at: written(last), count };
    match sheet {
        Sheet::Ndjson => {
            serde_json::to_writer(&mut *lines, &line).map_err(|_| malformed("a line that cannot be written"))?;
            lines.push(b'\n');
        }
        Sheet::Csv => {
            let mut writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new());
            let recipient = safe(line.recipient).into_owned();
            let cells = vec![recipient, line.reason.to_owned(), line.first_at, line.last_at, line.count.to_string()];
            record(&mut writer, cells);
            lines.extend(writer.into_inner().unwrap_or_default());
        }
    }
    Ok(())
}

impl std::fmt::Debug for Hygiene {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hygiene").field("kind", &self.kind).field("sheet", &self.sheet).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(kind: &str, since: Option<&str>, days: Option<&str>) -> Result<HygieneSpec, SpecError> {
        let some = |text: Option<&str>| text.map(str::to_owned);
        let request = HygieneRequest {
            kind: some(Some(kind)),
            since: some(since),
            days: some(days),
            ..HygieneRequest::default()
        };
        HygieneSpec::new(&request, Millis(100 * DAY_MS))
    }

    #[test]
    fn each_kind_takes_its_own_parameters_alone() {
        assert_eq!(spec("unengaged", None, Some("10")).unwrap().since, 90 * DAY_MS);
        assert_eq!(spec("complained", Some("1970-01-02"), None).unwrap().since, DAY_MS);
        assert_eq!(spec("complained", None, None).unwrap().since, 0);
        for (kind, since, days, parameter) in [
            ("", None, None, "kind"),
            ("bored", None, None, "kind"),
            ("unengaged", Some("2026-11-01"), None, "since"),
            ("unengaged", None, Some("0"), "days"),
            ("hard_bounced", None, Some("3"), "days"),
            ("hard_bounced", Some("soon"), None, "since"),
        ] {
            assert_eq!(spec(kind, since, days).unwrap_err().parameter(), parameter, "{kind}");
        }
    }

    #[test]
    fn lines_are_objects_or_cells_that_are_no_formulas() {
        let row = br#"["=1+1@x.example",86400000,86400001,2]"#;
        let written = |sheet| {
            let mut lines = Vec::new();
            line(Kind::Complained, sheet, row, &mut lines).unwrap();
            String::from_utf8(lines).unwrap()
        };
        let rest = "complained,1970-01-02T00:00:00.000Z,1970-01-02T00:00:00.001Z,2\r\n";
        assert_eq!(written(Sheet::Csv), format!("'=1+1@x.example,{rest}"));
        assert!(written(Sheet::Ndjson).starts_with(r#"{"recipient":"=1+1@x.example","reason":"complained","#));
    }
}
