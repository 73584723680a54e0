//! What can be picked: the dimensions of an account, and the values of one, each with its volume. Both are counted on the `sent`
//! basis, as most reports are.

use chrono::Days;
use schema::{AccountId, Basis, ClickHouse, Dimension, Measure, Millis};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    Body, Filter, Grouping, Kind, Limits, QueryError, Report, ReportSpec, SpecError, TimePart,
    cursor::Position,
    report::shown,
    request::scalar,
    spec::{Shown, limit},
    tree::Operand,
    when::{Range, time_zone},
    zone::{DAY, instant, rfc3339, start_of_date},
};

/// Without `from` and `to`, this many local days, today among them.
const USUAL_DAYS: u64 = 30;
/// The most custom fields that are listed.
pub(crate) const MOST_FIELDS: u32 = 1_000;

/// Of which time the dimensions are asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DimensionsRequest {
    /// Where the range begins, as in reports; whole UTC days are looked at. Default: the last 30 days, today among them.
    #[param(example = "2026-11-01")]
    pub from: Option<String>,
    /// Where it ends, exclusive. Required with `from`.
    #[param(example = "2026-12-01")]
    pub to: Option<String>,
    /// The time zone, an IANA name. Default: UTC.
    #[param(example = "America/New_York")]
    pub tz: Option<String>,
}

/// Which values of a dimension are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ValuesRequest {
    /// What the values begin with, as `starts_with` in a filter. Default: anything.
    #[param(example = "aut")]
    pub prefix: Option<String>,
    /// Where the range begins, as in reports. Default: the last 30 days, today among them.
    #[param(example = "2026-11-01")]
    pub from: Option<String>,
    /// Where it ends, exclusive. Required with `from`.
    #[param(example = "2026-12-01")]
    pub to: Option<String>,
    /// The time zone, an IANA name. Default: UTC.
    #[param(example = "America/New_York")]
    pub tz: Option<String>,
    /// The most values to show. Default: 50.
    #[serde(default, deserialize_with = "scalar")]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 10_000)]
    pub limit: Option<String>,
    /// Where to go on: `next` of the page before, all other parameters being the same but for `limit`.
    pub cursor: Option<String>,
}

/// What reports can be split and filtered by.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(example = json!({
    "from": "2026-11-01T00:00:00Z", "to": "2026-12-01T00:00:00Z", "tz": "UTC", "as_of": "2026-11-20T14:03:07.123Z",
    "dimensions": [{"name": "campaign", "kind": "fixed", "volume": 120_000}, {"name": "field:payer", "kind": "field", "volume": 80_500},
                   {"name": "weekday", "kind": "time", "volume": null}],
    "more": false
}))]
pub struct Dimensions {
    /// Where the range begins.
    #[schema(format = DateTime)]
    pub from: String,
    /// Where it ends, exclusive.
    #[schema(format = DateTime)]
    pub to: String,
    /// The time zone.
    pub tz: String,
    /// Every event that was acknowledged before this moment is counted.
    #[schema(format = DateTime)]
    pub as_of: String,
    /// Those that every account has, its custom fields by their volume, and the parts of time.
    pub dimensions: Vec<Named>,
    /// Whether there are more custom fields, which the first 1,000 left no room for.
    pub more: bool,
}

/// A dimension.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Named {
    /// As `by` and filters take it.
    pub name: String,
    /// `fixed`, `field` for a custom field, or `time` for a part of local time, which only a split takes.
    pub kind: &'static str,
    /// How many messages have a value of it; null for a part of time.
    #[schema(required)]
    pub volume: Option<i64>,
}

/// Values of a dimension.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(example = json!({
    "dimension": "campaign", "from": "2026-11-01T00:00:00Z", "to": "2026-12-01T00:00:00Z", "tz": "UTC",
    "as_of": "2026-11-20T14:03:07.123Z", "values": [{"value": "autumn", "volume": 120_000}],
    "remainder": {"values": 3, "volume": 7_200}, "next": "c9mBq1iH0hPgDpfceyJ2Ijp7Im0iOjEwfSwia2V5IjpbImV4YW1wbGUuY29tIl19"
}))]
pub struct Values {
    /// The dimension.
    pub dimension: String,
    /// Where the range begins.
    #[schema(format = DateTime)]
    pub from: String,
    /// Where it ends, exclusive.
    #[schema(format = DateTime)]
    pub to: String,
    /// The time zone.
    pub tz: String,
    /// Every event that was acknowledged before this moment is counted.
    #[schema(format = DateTime)]
    pub as_of: String,
    /// Most messages first.
    pub values: Vec<Value>,
    /// The values with that beginning that are not shown, together; null when all are.
    #[schema(required)]
    pub remainder: Option<Hidden>,
    /// The `cursor` of the next page; null on the last.
    #[schema(required)]
    pub next: Option<String>,
}

/// A value of a dimension.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Value {
    /// As filters take it: `(none)` is the empty one, `(other)` are those beyond the limit of a day.
    pub value: String,
    /// How many messages have it.
    pub volume: i64,
}

/// Values that are not shown.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = HiddenValues)]
pub struct Hidden {
    /// How many.
    pub values: u64,
    /// How many messages have one of them.
    pub volume: i64,
}

impl ReportSpec {
    /// The dimensions of an account.
    ///
    /// # Errors
    /// Names the parameter and what to change.
    pub fn dimensions_of(request: &DimensionsRequest, now: Millis) -> Result<Self, SpecError> {
        Self::volumes(request.from.as_deref(), request.to.as_deref(), request.tz.as_deref(), now)
    }

    /// The values of a dimension: a split by it.
    ///
    /// # Errors
    /// Names the parameter and what to change.
    pub fn values_of(dimension: &Dimension, request: &ValuesRequest, now: Millis) -> Result<Self, SpecError> {
        let mut spec = Self::volumes(request.from.as_deref(), request.to.as_deref(), request.tz.as_deref(), now)?;
        if let Some(prefix) = request.prefix.as_deref().filter(|prefix| !prefix.is_empty()) {
            let test = Filter::of(&dimension.to_string(), "starts_with", Operand::Text(prefix));
            let wrong = |problem| SpecError::value("prefix", prefix, format!("it {problem}"));
            spec.filters.push(test.map_err(wrong)?.into());
        }
        spec.kind = Kind::Split;
        spec.by = vec![dimension.clone().into()];
        spec.limit = limit(request.limit.as_deref(), 50)?;
        spec.after = request.cursor.as_deref().map(|cursor| Position::read(cursor, &spec)).transpose()?;
        Ok(spec)
    }

    /// What was queued in a range.
    fn volumes(from: Option<&str>, to: Option<&str>, tz: Option<&str>, now: Millis) -> Result<Self, SpecError> {
        let tz = time_zone(tz)?;
        let range = match (from, to) {
            (None, None) => {
                let today = now.to_datetime().unwrap_or_default().with_timezone(&tz).date_naive();
                let second = |date| u32::try_from(start_of_date(tz, date)).unwrap_or_default();
                let first = today.checked_sub_days(Days::new(USUAL_DAYS - 1)).unwrap_or(today);
                let last = today.checked_add_days(Days::new(1)).unwrap_or(today);
                Range { from: second(first), to: second(last) }
            }
            (from, to) => Range::new(from.unwrap_or_default(), to.unwrap_or_default(), tz)?,
        };
        let measures = Shown { all: vec![Measure::Queued], named: None };
        Ok(Self::plain(Kind::Summary, range, tz, Basis::Sent, measures))
    }
}

/// The dimensions of an account with their volumes; `spec` is made by [`ReportSpec::dimensions_of`].
///
/// # Errors
/// Whether to try again later, to ask for less, or to look for a defect.
pub async fn dimensions(
    clickhouse: &ClickHouse,
    account: &AccountId,
    spec: &ReportSpec,
    as_of: Millis,
    limits: &Limits,
) -> Result<Dimensions, QueryError> {
    let found = crate::run::volumes(clickhouse, account, &of_whole_days(spec), limits).await?;
    let volume = |name: &str| found.iter().find(|(known, _)| known == name).map_or(0, |(_, volume)| *volume);
    let fixed = Dimension::FIXED.iter().map(|dimension| {
        let name = dimension.to_string();
        Named { volume: Some(volume(&name)), name, kind: "fixed" }
    });
    let mut fields: Vec<_> = found.iter().filter(|(name, _)| name.starts_with("field:")).collect();
    let more = fields.len() > MOST_FIELDS as usize;
    fields.truncate(MOST_FIELDS as usize);
    let fields =
        fields.into_iter().map(|(name, volume)| Named { name: name.clone(), kind: "field", volume: Some(*volume) });
    let times = TimePart::ALL.iter().map(|part| Named { name: part.name().to_owned(), kind: "time", volume: None });
    let frame = Frame::of(spec, as_of);
    let dimensions = fixed.chain(fields).chain(times).collect();
    Ok(Dimensions { from: frame.from, to: frame.to, tz: frame.tz, as_of: frame.as_of, dimensions, more })
}

/// The rows of dimensions are by the UTC day.
fn of_whole_days(spec: &ReportSpec) -> ReportSpec {
    let day = u32::try_from(DAY).unwrap_or(u32::MAX);
    let Range { from, to } = spec.range;
    let range = Range { from: from - from % day, to: to.checked_next_multiple_of(day).unwrap_or(u32::MAX) };
    ReportSpec { range, ..spec.clone() }
}

impl From<&Report> for Values {
    /// Of a report that [`ReportSpec::values_of`] asks for.
    fn from(report: &Report) -> Self {
        let spec = report.spec();
        let (values, remainder) = match report.body() {
            Body::Split { rows, remainder, .. } => (rows.as_slice(), *remainder),
            Body::Summary | Body::Series { .. } => (&[][..], None),
        };
        let value = |row: &crate::Row| Value {
            value: shown(row.key.first().map_or("", String::as_str)).to_owned(),
            volume: row.measures[Measure::Queued],
        };
        let hidden = |rest: crate::Remainder| Hidden { values: rest.groups, volume: rest.measures[Measure::Queued] };
        let frame = Frame::of(spec, report.as_of());
        Self {
            dimension: spec.by().first().map(Grouping::to_string).unwrap_or_default(),
            from: frame.from,
            to: frame.to,
            tz: frame.tz,
            as_of: frame.as_of,
            values: values.iter().map(value).collect(),
            remainder: remainder.map(hidden),
            next: report.next(),
        }
    }
}

/// What frames an answer.
struct Frame {
    from: String,
    to: String,
    tz: String,
    as_of: String,
}

impl Frame {
    fn of(spec: &ReportSpec, as_of: Millis) -> Self {
        let time = |seconds: u32| rfc3339(spec.tz, seconds.into());
        Self {
            from: time(spec.range.from),
            to: time(spec.range.to),
            tz: spec.tz.name().to_owned(),
            as_of: instant(as_of),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-20T03:00:00Z, in New York the evening before.
    const NOW: Millis = Millis(1_795_143_600_000);

    fn values(dimension: &str, request: &ValuesRequest) -> Result<ReportSpec, SpecError> {
        ReportSpec::values_of(&dimension.parse().unwrap(), request, NOW)
    }

    #[test]
    fn without_a_range_it_is_the_last_thirty_local_days_today_among_them() {
        let request = DimensionsRequest { tz: Some("America/New_York".to_owned()), ..DimensionsRequest::default() };
        let spec = ReportSpec::dimensions_of(&request, NOW).unwrap();
        assert_eq!(Ok(spec.range), Range::new("2026-10-21", "2026-11-20", spec.tz));
    }

    #[test]
    fn values_with_a_beginning_are_a_split_of_those_that_pass_it() {
        let request = ValuesRequest { prefix: Some("News@".to_owned()), ..ValuesRequest::default() };
        let spec = values("sender", &request).unwrap();
        assert_eq!(spec.tests(), [&Filter::parse("sender:starts_with:news@").unwrap()]);
        assert_eq!((spec.kind, spec.limit, spec.measures()), (Kind::Split, 50, &[Measure::Queued][..]));
        let all = ValuesRequest { prefix: Some(String::new()), ..ValuesRequest::default() };
        assert!(values("sender", &all).unwrap().tests().is_empty());
    }

    #[test]
    fn what_is_wrong_with_the_parameters_is_told_by_name() {
        let some = |text: &str| Some(text.to_owned());
        for (request, parameter) in [
            (ValuesRequest { from: some("2026-11-01"), ..ValuesRequest::default() }, "to"),
            (ValuesRequest { to: some("2026-11-01"), ..ValuesRequest::default() }, "from"),
            (ValuesRequest { tz: some("Mars"), ..ValuesRequest::default() }, "tz"),
            (ValuesRequest { limit: some("0"), ..ValuesRequest::default() }, "limit"),
            (ValuesRequest { cursor: some("x"), ..ValuesRequest::default() }, "cursor"),
            (ValuesRequest { prefix: some("a\u{FDD0}"), ..ValuesRequest::default() }, "prefix"),
        ] {
            assert_eq!(values("subject", &request).unwrap_err().parameter(), parameter);
        }
    }
}
