//! What reports look like as JSON, for the specification: `query::Report` writes itself.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::{
    PartialSchema as _, ToSchema,
    openapi::{ObjectBuilder, OneOfBuilder, RefOr, Schema, Type},
};

/// Measures and rates of a group of messages.
#[derive(Serialize, ToSchema)]
pub(crate) struct Numbers {
    /// Whole numbers by name: `queued`, `delivered`, …; null when hidden for the few people that it stands for, or would tell.
    measures: BTreeMap<String, Option<i64>>,
    /// Fractions by name (0.003 is 0.3 %): `ctr`, `spam_rate`, …; null when the denominator is 0, or a measure of it is hidden.
    rates: BTreeMap<String, Option<f64>>,
    /// With `suppress_below`, or the account's setting: the names of the measures and rates that are hidden.
    #[schema(required = false)]
    suppressed: Option<Vec<String>>,
    /// With `intervals`: the 95 % intervals of the rates by their names; null where the rate is, and on the `event` basis.
    #[schema(schema_with = intervals, required = false)]
    intervals: Option<BTreeMap<String, Option<Bounds>>>,
    /// With `compare`: the same in the other period, and what changed since; null in a series where that has no such interval.
    #[schema(required = false, nullable)]
    compare: Option<Comparison>,
}

/// What was counted in the other period, and what changed since.
#[derive(Serialize, ToSchema)]
#[schema(as = ReportComparison)]
pub(crate) struct Comparison {
    /// In a series: where the interval of the other period begins, the one of the same place.
    #[schema(format = DateTime, required = false)]
    time: Option<String>,
    /// The measures there.
    measures: BTreeMap<String, i64>,
    /// The rates there; null when the denominator is 0.
    rates: BTreeMap<String, Option<f64>>,
    /// How all of them changed.
    change: Changes,
}

/// How measures and rates changed since the other period, by their names.
#[derive(Serialize, ToSchema)]
#[schema(as = ReportChanges)]
pub(crate) struct Changes {
    /// Of measures.
    measures: BTreeMap<String, CountChange>,
    /// Of rates; null where the rate is null in either period.
    #[schema(schema_with = rate_changes)]
    rates: BTreeMap<String, Option<RateChange>>,
}

/// How a measure changed.
#[derive(Serialize, ToSchema)]
#[schema(as = CountChange)]
pub(crate) struct CountChange {
    /// This period's number less the other's.
    absolute: i64,
    /// The same as a part of the other's number; null where that is 0.
    #[schema(required)]
    relative: Option<f64>,
}

/// How a rate changed.
#[derive(Serialize, ToSchema)]
#[schema(as = RateChange)]
pub(crate) struct RateChange {
    /// This period's fraction less the other's.
    absolute: f64,
    /// The same as a part of the other's rate; null where that is 0.
    #[schema(required)]
    relative: Option<f64>,
}

/// The period that a report is compared with.
#[derive(Serialize, ToSchema)]
#[schema(as = ReportPeriod)]
pub(crate) struct Period {
    /// Where it begins.
    #[schema(format = DateTime)]
    from: String,
    /// Where it ends, exclusive.
    #[schema(format = DateTime)]
    to: String,
}

/// The 95 % interval of a rate (E. B. Wilson).
#[derive(Serialize, ToSchema)]
#[schema(as = RateInterval)]
pub(crate) struct Bounds {
    /// From here …
    low: f64,
    /// … to here.
    high: f64,
}

/// How the rate of a row compares with that of all other messages of the report.
#[derive(Serialize, ToSchema)]
#[schema(as = RateDifference)]
pub(crate) struct Difference {
    /// `above` or `below` when it is so beyond chance; null when chance explains it.
    #[schema(required)]
    differs: Option<String>,
    /// How probable so great a difference is if there is none.
    p: f64,
    /// The same, adjusted for the number of rows (Y. Benjamini and Y. Hochberg).
    q: f64,
}

fn rate_changes() -> Schema {
    by_name(RateChange::schema(), "Of rates; null where the rate is null in either period.")
}

fn intervals() -> Schema {
    let text = "With `intervals`: the 95 % intervals of the rates by their names; null where the rate is, and on the `event` basis.";
    by_name(Bounds::schema(), text)
}

fn differences() -> Schema {
    let text = "With `intervals`, on the `sent` basis: how the rates compare with the rest of the report, by their names; null where they cannot be compared.";
    by_name(Difference::schema(), text)
}

/// An object of these or nulls, which the derived schema of a map cannot be.
fn by_name(each: RefOr<Schema>, description: &str) -> Schema {
    let null = ObjectBuilder::new().schema_type(Type::Null);
    let each = OneOfBuilder::new().item(null).item(each).build();
    ObjectBuilder::new().description(Some(description)).additional_properties(Some(Schema::OneOf(each))).build().into()
}

/// A group of messages.
#[derive(Serialize, ToSchema)]
pub(crate) struct SplitRow {
    /// The group: a value for each name in `by`. `(none)` is the empty value, `(other)` are those beyond the limit of a day; days are
    /// written `2026-11-01`, hours `00` to `23`, weekdays `monday` to `sunday`.
    key: BTreeMap<String, String>,
    #[serde(flatten)]
    numbers: Numbers,
    /// With `intervals`, on the `sent` basis: how the rates compare with the rest of the report, by their names; null where they cannot be
    /// compared.
    #[schema(schema_with = differences, required = false)]
    differences: Option<BTreeMap<String, Option<Difference>>>,
}

/// The groups that are not shown: beyond `limit`, on other pages, or of less than `min_volume`.
#[derive(Serialize, ToSchema)]
pub(crate) struct SplitRemainder {
    /// How many groups.
    groups: u64,
    #[serde(flatten)]
    numbers: Numbers,
}

/// A group of messages, or all, in one interval.
#[derive(Serialize, ToSchema)]
pub(crate) struct SeriesRow {
    /// Where the interval begins, in local time.
    #[schema(format = DateTime)]
    time: String,
    /// The group; absent without `by`.
    #[schema(required = false)]
    key: Option<BTreeMap<String, String>>,
    #[serde(flatten)]
    numbers: Numbers,
}

/// What `limit` cut.
#[derive(Serialize, ToSchema)]
pub(crate) struct SeriesRemainder {
    /// How many groups.
    groups: u64,
    /// The same by interval.
    rows: Vec<SeriesRow>,
    #[serde(flatten)]
    numbers: Numbers,
}

/// What every report tells.
#[derive(Serialize, ToSchema)]
#[schema(as = ReportFrame)]
pub(crate) struct Frame {
    /// Where the report begins.
    #[schema(format = DateTime)]
    from: String,
    /// Where it ends, exclusive.
    #[schema(format = DateTime)]
    to: String,
    /// With `compare`: the other period.
    #[schema(required = false, nullable = false)]
    compare: Option<Period>,
    /// The time zone.
    tz: String,
    /// The clock that measures are dated by: `sent` or `event`.
    basis: String,
    /// Every event that was acknowledged before this moment is counted.
    #[schema(format = DateTime)]
    as_of: String,
    /// What to bear in mind; absent when there is nothing.
    #[schema(required = false)]
    notes: Option<Vec<String>>,
    /// All messages in the range.
    total: Numbers,
}

/// A split.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "by": ["recipient_domain"], "from": "2026-11-01T00:00:00Z", "to": "2026-11-08T00:00:00Z", "tz": "UTC", "basis": "sent",
    "as_of": "2026-11-20T14:03:07.123Z",
    "rows": [{"key": {"recipient_domain": "example.com"}, "measures": {"queued": 10, "delivered": 9, "clicked": 1}, "rates": {"ctr": 0.1111},
              "intervals": {"ctr": {"low": 0.0199, "high": 0.4350}}, "differences": {"ctr": {"differs": null, "p": 1.0, "q": 1.0}}}],
    "remainder": {"groups": 1, "measures": {"queued": 2, "delivered": 2, "clicked": 0}, "rates": {"ctr": 0.0},
                  "intervals": {"ctr": {"low": 0.0, "high": 0.6576}}},
    "next": "c9mBq1iH0hPgDpfceyJ2Ijp7Im0iOjEwfSwia2V5IjpbImV4YW1wbGUuY29tIl19",
    "total": {"measures": {"queued": 12, "delivered": 11, "clicked": 1}, "rates": {"ctr": 0.0909}, "intervals": {"ctr": {"low": 0.0162, "high": 0.3774}}}
}))]
pub(crate) struct SplitReport {
    /// What it is split by.
    by: Vec<String>,
    /// The groups, in the order asked for.
    rows: Vec<SplitRow>,
    /// The groups that are not shown, together; null when all are. Rows and remainder add up to the total, on every page.
    #[schema(required)]
    remainder: Option<SplitRemainder>,
    /// The `cursor` of the next page; null on the last. The other forms have it in the header `x-next-cursor`.
    #[schema(required)]
    next: Option<String>,
    #[serde(flatten)]
    frame: Frame,
}

/// A summary.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "from": "2026-11-01T00:00:00Z", "to": "2026-11-08T00:00:00Z",
    "compare": {"from": "2026-10-25T00:00:00Z", "to": "2026-11-01T00:00:00Z"},
    "tz": "UTC", "basis": "sent", "as_of": "2026-11-20T14:03:07.123Z",
    "total": {"measures": {"queued": 15, "clicked": 0}, "rates": {"delivery_rate": 0.8},
              "compare": {"measures": {"queued": 12, "clicked": 0}, "rates": {"delivery_rate": 0.75},
                          "change": {"measures": {"queued": {"absolute": 3, "relative": 0.25}, "clicked": {"absolute": 0, "relative": null}},
                                     "rates": {"delivery_rate": {"absolute": 0.05, "relative": 0.0667}}}}}
}))]
pub(crate) struct SummaryReport {
    #[serde(flatten)]
    frame: Frame,
}

/// A series.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "interval": "day", "by": [], "from": "2026-11-01T00:00:00Z", "to": "2026-11-02T00:00:00Z", "tz": "UTC", "basis": "sent",
    "as_of": "2026-11-20T14:03:07.123Z",
    "rows": [{"time": "2026-11-01T00:00:00Z", "measures": {"queued": 12, "delivered": 11, "clicked": 1}, "rates": {"ctr": 0.0909}}],
    "remainder": null,
    "total": {"measures": {"queued": 12, "delivered": 11, "clicked": 1}, "rates": {"ctr": 0.0909}}
}))]
pub(crate) struct SeriesReport {
    /// The length of a row.
    interval: String,
    /// The dimensions.
    by: Vec<String>,
    /// Group by group, each in the order of time.
    rows: Vec<SeriesRow>,
    /// What `limit` cut; null when nothing was cut.
    #[schema(required)]
    remainder: Option<SeriesRemainder>,
    #[serde(flatten)]
    frame: Frame,
}

/// Measures and the rate of a group; with `failed`, when the failures were.
#[derive(Serialize, ToSchema)]
pub(crate) struct FailureNumbers {
    /// `failed`: deliveries whose outcome is failed. `domains`: how many domains of recipients are among them, which do not add up.
    measures: BTreeMap<String, i64>,
    /// `share`: of all that failed in this report; null when nothing did.
    rates: BTreeMap<String, Option<f64>>,
    /// The first of the failures that decided; null when there is none.
    #[schema(required, format = DateTime)]
    first_at: Option<String>,
    /// The last.
    #[schema(required, format = DateTime)]
    last_at: Option<String>,
}

/// Deliveries that failed for one reason.
#[derive(Serialize, ToSchema)]
pub(crate) struct FailuresRow {
    /// The class, the status code, the domain or the pattern; `(none)` when nothing was said.
    key: BTreeMap<String, String>,
    #[serde(flatten)]
    numbers: FailureNumbers,
}

/// The groups that are not shown.
#[derive(Serialize, ToSchema)]
pub(crate) struct FailuresRemainder {
    /// How many groups.
    groups: u64,
    #[serde(flatten)]
    numbers: FailureNumbers,
}

/// What these reports tell beside their rows.
#[derive(Serialize, ToSchema)]
#[schema(as = BreakdownFrame)]
pub(crate) struct Around {
    /// Where the report begins.
    #[schema(format = DateTime)]
    from: String,
    /// Where it ends, exclusive.
    #[schema(format = DateTime)]
    to: String,
    /// The time zone.
    tz: String,
    /// The clock that counts: `sent` or `event`.
    basis: String,
    /// Every event that was acknowledged before this moment is counted.
    #[schema(format = DateTime)]
    as_of: String,
    /// What to bear in mind; absent when there is nothing.
    #[schema(required = false)]
    notes: Option<Vec<String>>,
}

/// Why messages failed.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "by": ["reason"], "from": "2026-11-01T00:00:00Z", "to": "2026-11-08T00:00:00Z", "tz": "UTC", "basis": "sent",
    "as_of": "2026-11-20T14:03:07.123Z",
    "rows": [{"key": {"reason": "550 5.1.1 <address>: user unknown"}, "measures": {"failed": 12, "domains": 3}, "rates": {"share": 0.6},
              "first_at": "2026-11-01T09:00:00.000Z", "last_at": "2026-11-06T17:20:31.500Z"}],
    "remainder": {"groups": 4, "measures": {"failed": 8, "domains": 5}, "rates": {"share": 0.4},
                  "first_at": "2026-11-01T10:12:00.000Z", "last_at": "2026-11-07T08:00:00.000Z"},
    "total": {"measures": {"failed": 20, "domains": 7}, "rates": {"share": 1.0},
              "first_at": "2026-11-01T09:00:00.000Z", "last_at": "2026-11-07T08:00:00.000Z"}
}))]
pub(crate) struct FailuresReport {
    /// What it is grouped by.
    by: Vec<String>,
    /// The groups, in the order asked for.
    rows: Vec<FailuresRow>,
    /// The groups that are not shown, together; null when all are.
    #[schema(required)]
    remainder: Option<FailuresRemainder>,
    #[serde(flatten)]
    frame: Around,
    /// Everything.
    total: FailureNumbers,
}

/// Measures and the rate of a group.
#[derive(Serialize, ToSchema)]
pub(crate) struct PlainNumbers {
    /// Whole numbers by name.
    measures: BTreeMap<String, i64>,
    /// Fractions by name; null when the denominator is 0.
    rates: BTreeMap<String, Option<f64>>,
}

/// A group.
#[derive(Serialize, ToSchema)]
pub(crate) struct PlainRow {
    /// The group; `(none)` is the empty value.
    key: BTreeMap<String, String>,
    #[serde(flatten)]
    numbers: PlainNumbers,
}

/// The groups that are not shown.
#[derive(Serialize, ToSchema)]
pub(crate) struct PlainRemainder {
    /// How many groups.
    groups: u64,
    #[serde(flatten)]
    numbers: PlainNumbers,
}

/// Which links were followed.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "by": ["url"], "from": "2026-11-01T00:00:00Z", "to": "2026-11-08T00:00:00Z", "tz": "UTC", "basis": "sent",
    "as_of": "2026-11-20T14:03:07.123Z",
    "notes": ["`clicked` counts a delivery once for each URL and once in the total, so its rows add up to more than the total."],
    "rows": [{"key": {"url": "https://acme.org/plans"}, "measures": {"clicks": 30, "clicked": 24, "machine_clicks": 5}, "rates": {"share": 0.75}}],
    "remainder": {"groups": 2, "measures": {"clicks": 10, "clicked": 9, "machine_clicks": 1}, "rates": {"share": 0.25}},
    "total": {"measures": {"clicks": 40, "clicked": 27, "machine_clicks": 6}, "rates": {"share": 1.0}}
}))]
pub(crate) struct LinksReport {
    /// What it is grouped by.
    by: Vec<String>,
    /// The links, in the order asked for.
    rows: Vec<PlainRow>,
    /// The links that are not shown, together; null when all are.
    #[schema(required)]
    remainder: Option<PlainRemainder>,
    #[serde(flatten)]
    frame: Around,
    /// Everything.
    total: PlainNumbers,
}

/// What left unencrypted.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "by": ["recipient_domain"], "from": "2026-11-01T00:00:00Z", "to": "2026-11-08T00:00:00Z", "tz": "UTC", "basis": "sent",
    "as_of": "2026-11-20T14:03:07.123Z",
    "rows": [{"key": {"recipient_domain": "example.com"},
              "measures": {"queued": 10, "delivered": 9, "secured": 6, "unsecured": 3, "tls": 4, "portal": 2, "pgp": 0, "smime": 0, "other": 0},
              "rates": {"secured_rate": 0.6}}],
    "remainder": null,
    "total": {"measures": {"queued": 10, "delivered": 9, "secured": 6, "unsecured": 3, "tls": 4, "portal": 2, "pgp": 0, "smime": 0, "other": 0},
              "rates": {"secured_rate": 0.6}}
}))]
pub(crate) struct SecurityReport {
    /// What it is grouped by.
    by: Vec<String>,
    /// The groups, in the order asked for.
    rows: Vec<PlainRow>,
    /// The groups that are not shown, together; null when all are.
    #[schema(required)]
    remainder: Option<PlainRemainder>,
    #[serde(flatten)]
    frame: Around,
    /// Everything.
    total: PlainNumbers,
}
