//! A saved report as its author writes it, and what is wrong with it.

use chrono::{NaiveTime, Weekday};
use chrono_tz::Tz;
use query::MovingRange;
use schema::Millis;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{
    attachment::SheetFormat,
    question::{Question, ReportKind},
    schedule::{Rhythm, Schedule},
};
use crate::problem::Problem;

/// The most channels of a saved report.
const MOST_CHANNELS: usize = 10;
/// The longest document of a report, in bytes.
const LONGEST: usize = 64 << 10;

/// A report that is to be saved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Weekly by provider",
    "report": {"kind": "split", "range": "last_week", "document": {"by": ["mailbox_provider"], "tz": "Europe/Berlin"}},
    "schedule": {"every": "weekly", "on": "monday", "at": "07:00", "tz": "Europe/Berlin"},
    "channels": ["0f3a5c7d9b1e"], "format": "csv"}))]
pub(crate) struct SavedReportRequest {
    /// What people call it, 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200)]
    pub(crate) name: String,
    /// What is reported.
    pub(crate) report: ReportDefinition,
    /// When it is delivered; never by itself if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub(crate) schedule: Option<ScheduleRequest>,
    /// The channels that it is delivered to, by their ids: of the kinds `email` and `webhook`.
    #[serde(default)]
    #[schema(required = false, max_items = 10)]
    pub(crate) channels: Vec<String>,
    /// What is attached to e-mail. Webhooks get the report as JSON.
    #[serde(default)]
    #[schema(required = false)]
    pub(crate) format: SheetFormat,
}

/// What is reported.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReportDefinition {
    /// Which report it is.
    pub(crate) kind: ReportKind,
    /// The range, whole days of the report's `tz` before the time when it is due. Without it, the document has `from` and `to`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub(crate) range: Option<MovingRange>,
    /// The document of `POST /v1/reports/{kind}`, without `format` and `cursor`, and without `from` and `to` where there is a `range`.
    #[schema(value_type = Object)]
    pub(crate) document: Map<String, Value>,
}

/// When a report is delivered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScheduleRequest {
    /// How often.
    pub(crate) every: Every,
    /// On which day: of a week `monday` to `sunday`, of a month 1 to 31, its last where it does not have that one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub(crate) on: Option<On>,
    /// At which local time, `HH:MM`.
    #[schema(example = "07:00")]
    pub(crate) at: String,
    /// Of which time zone, an IANA name. Default: that of the report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(required = false, example = "Europe/Berlin")]
    pub(crate) tz: Option<String>,
}

/// How often something is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Every {
    /// Every day.
    Daily,
    /// Every week.
    Weekly,
    /// Every month.
    Monthly,
}

/// A day of a week or a month.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged, expecting = "a day of the week, like `monday`, or of the month, like 1")]
pub(crate) enum On {
    /// Of a month.
    Day(u32),
    /// Of a week.
    Weekday(String),
}

impl SavedReportRequest {
    /// Judges what can be judged without the store: what is saved can be understood.
    ///
    /// # Errors
    /// Names the parameter and what to change.
    pub(crate) fn check(&self) -> Result<(), Problem> {
        if self.name.trim().is_empty() {
            return Err(Problem::parameter("name", "`name` has 1 to 200 characters"));
        }
        Problem::unless_short("name", &self.name, 200)?;
        let ReportDefinition { range, document, .. } = &self.report;
        if Value::Object(document.clone()).to_string().len() > LONGEST {
            return Err(Problem::parameter("document", format!("`document` has at most {} KiB", LONGEST >> 10)));
        }
        for (member, why) in [
            ("format", "the format stands beside the report"),
            ("cursor", "a saved report begins at its first row: raise `limit` instead"),
        ] {
            if document.contains_key(member) {
                return Err(Problem::parameter(member, format!("leave out `{member}` of the document: {why}")));
            }
        }
        match range {
            Some(_) => {
                for member in ["from", "to"] {
                    if document.contains_key(member) {
                        let detail =
                            format!("`{member}` does not stand beside `range`, which says when: leave one out");
                        return Err(Problem::parameter(member, detail));
                    }
                }
            }
            None if self.schedule.is_some() => {
                let detail = "a report with a schedule has a range that moves: yesterday, last_7_days, last_week, last_30_days or last_month";
                return Err(Problem::parameter("range", detail));
            }
            None => {}
        }
        if self.channels.len() > MOST_CHANNELS {
            return Err(Problem::parameter("channels", format!("`channels` has at most {MOST_CHANNELS} entries")));
        }
        let twice = |(place, id): (usize, &String)| self.channels[..place].contains(id);
        if self.channels.iter().enumerate().any(twice) {
            return Err(Problem::parameter("channels", "`channels` names one twice: name each once"));
        }
        if self.schedule.is_some() && self.channels.is_empty() {
            return Err(Problem::parameter("channels", "a report with a schedule names at least one channel"));
        }
        self.schedule().map(drop)
    }

    /// Whether it uses a saved filter of that name.
    pub(crate) fn names_segment(&self, name: &str) -> bool {
        let question = self.question(Millis(0));
        question.is_ok_and(|mut question| question.segments().names().is_ok_and(|names| names.contains(name)))
    }

    /// When it is due.
    ///
    /// # Errors
    /// Names the parameter and what to change.
    pub(crate) fn schedule(&self) -> Result<Option<Schedule>, Problem> {
        let of_report = || self.report.document.get("tz").and_then(Value::as_str);
        self.schedule.as_ref().map(|schedule| schedule.read(of_report())).transpose()
    }

    /// What is asked at a time, its range told in dates.
    ///
    /// # Errors
    /// When the document makes no report.
    pub(crate) fn question(&self, time: Millis) -> Result<Question, query::SpecError> {
        let mut document = self.report.document.clone();
        if let Some(range) = self.report.range {
            let (from, to) = range.at(time, document.get("tz").and_then(Value::as_str))?;
            document.insert("from".to_owned(), from.into());
            document.insert("to".to_owned(), to.into());
        }
        Question::read(self.report.kind, document)
    }
}

impl ScheduleRequest {
    fn read(&self, of_report: Option<&str>) -> Result<Schedule, Problem> {
        let rhythm = match (self.every, &self.on) {
            (Every::Daily, None) => Rhythm::Daily,
            (Every::Daily, Some(_)) => {
                return Err(Problem::parameter(
                    "on",
                    "what is due every day is due on no day of its own: leave out `on`",
                ));
            }
            (Every::Weekly, Some(On::Weekday(day))) => Rhythm::Weekly(weekday(day)?),
            (Every::Weekly, _) => return Err(Problem::parameter("on", WEEKDAYS)),
            (Every::Monthly, Some(On::Day(day @ 1..=31))) => Rhythm::Monthly(*day),
            (Every::Monthly, _) => {
                return Err(Problem::parameter("on", "of what is due every month `on` is a day of it, from 1 to 31"));
            }
        };
        let at = NaiveTime::parse_from_str(&self.at, "%H:%M").ok().filter(|_| self.at.len() == 5);
        let at = at.ok_or_else(|| Problem::parameter("at", "`at` is a local time of 24 hours, like 07:00"))?;
        let tz = self.tz.as_deref().or(of_report).unwrap_or("UTC");
        let tz: Tz = tz
            .parse()
            .map_err(|_| Problem::parameter("tz", "`tz` is an IANA time zone, like America/New_York, or UTC"))?;
        Ok(Schedule { rhythm, at, tz })
    }
}

const WEEKDAYS: &str =
    "of what is due every week `on` is monday, tuesday, wednesday, thursday, friday, saturday or sunday";

fn weekday(name: &str) -> Result<Weekday, Problem> {
    Ok(match name {
        "monday" => Weekday::Mon,
        "tuesday" => Weekday::Tue,
        "wednesday" => Weekday::Wed,
        "thursday" => Weekday::Thu,
        "friday" => Weekday::Fri,
        "saturday" => Weekday::Sat,
        "sunday" => Weekday::Sun,
        _ => return Err(Problem::parameter("on", WEEKDAYS)),
    })
}
