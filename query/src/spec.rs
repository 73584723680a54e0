//! `ReportSpec`: a request that has been judged and is all enums and bound values.

use chrono_tz::Tz;
use schema::{Basis, Dimension, Measure, REPORTING, Rate, reports_complaints};

use crate::{
    Filter, Grouping, Interval, SpecError, Test, TimePart, Tree,
    alert::FBL_SPAM_RATE,
    chart::heat,
    common::Common,
    cursor::Position,
    period,
    request::{Numbers, SeriesRequest, SplitRequest, SummaryRequest},
    segment::none_left,
    when::{Range, time_zone},
};

/// The most dimensions of one report.
const MOST_DIMENSIONS: usize = 3;
/// The most filters of one report.
const MOST_FILTERS: usize = 32;
/// The most groups that a report shows.
pub(crate) const MOST_GROUPS: u32 = 10_000;
/// The most points (rows × groups) of a series.
const MOST_POINTS: u64 = 10_000;
/// The most groups or points of a report that hides small numbers.
const MOST_SUPPRESSED: u32 = 1_000;
/// The greatest number below which numbers of people are hidden, and the least.
const SUPPRESSED_BELOW: std::ops::RangeInclusive<u32> = 2..=100;

/// What is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The total alone.
    Summary,
    /// One row for each group.
    Split,
    /// One row for each interval of local time (and each of the top groups).
    Series(Interval),
}

/// What the groups are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortKey {
    /// A measure.
    Measure(Measure),
    /// A rate; groups without one come last.
    Rate(Rate),
    /// The value of a dimension, by its place in `by`.
    Dimension(usize),
}

/// The order of the groups; equals are in the ascending order of their keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort {
    /// What they are sorted by.
    pub key: SortKey,
    /// The greatest first.
    pub descending: bool,
}

/// What is shown of something, and what the caller named of it, in his order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shown<T> {
    /// In the order in which reports show them.
    pub(crate) all: Vec<T>,
    /// As named; `None` when all are shown because none was named.
    pub(crate) named: Option<Vec<T>>,
}

/// A valid report: every name is an enum, every time on a quarter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportSpec {
    pub(crate) kind: Kind,
    pub(crate) range: Range,
    pub(crate) tz: Tz,
    pub(crate) basis: Basis,
    pub(crate) measures: Shown<Measure>,
    pub(crate) rates: Shown<Rate>,
    pub(crate) filters: Vec<Tree>,
    pub(crate) by: Vec<Grouping>,
    pub(crate) sort: Sort,
    pub(crate) limit: u32,
    /// How much a group must have queued to be shown.
    pub(crate) min_volume: u32,
    /// Where the page before ends.
    pub(crate) after: Option<Position>,
    /// Whether the spam rate among mail to providers that tell of complaints is shown, too.
    pub(crate) fbl: bool,
    /// Whether it says how sure its rates are.
    pub(crate) intervals: bool,
    /// The period that it is compared with.
    pub(crate) compare: Option<Range>,
    /// Numbers of fewer people are hidden.
    pub(crate) suppress_below: Option<u32>,
}

impl ReportSpec {
    /// One row for each group.
    ///
    /// # Errors
    /// Names the parameter and what to change.
    pub fn split(request: &SplitRequest) -> Result<Self, SpecError> {
        let by = Groups::split(&request.by, request.sort.as_deref(), request.limit.as_deref())?;
        if by.by.is_empty() {
            let expected = "the dimensions to split by, like recipient_domain".to_owned();
            return Err(SpecError::Missing { parameter: "by", expected });
        }
        if let (Some(compare), true) = (&request.compare, by.by.contains(&Grouping::Time(TimePart::Day))) {
            let expected = "leave `day` out of `by`, for a day is in one period only: a series with interval=day compares day by day";
            return Err(SpecError::value("compare", compare, expected));
        }
        let min_volume = min_volume(request.min_volume.as_deref())?;
        let spec = Self::of_numbers(Kind::Split, &request.common(), &request.numbers())?.by_groups(by);
        let mut spec = Self { min_volume, ..spec };
        spec.after = request.cursor.as_deref().map(|cursor| Position::read(cursor, &spec)).transpose()?;
        spec.check_suppression()?;
        Ok(spec)
    }

    /// The total alone.
    ///
    /// # Errors
    /// Names the parameter and what to change.
    pub fn summary(request: &SummaryRequest) -> Result<Self, SpecError> {
        let spec = Self::of_numbers(Kind::Summary, &request.common(), &request.numbers())?;
        spec.check_suppression()?;
        Ok(spec)
    }

    /// One row for each interval of local time.
    ///
    /// # Errors
    /// Names the parameter and what to change.
    pub fn series(request: &SeriesRequest) -> Result<Self, SpecError> {
        let names = "15m, hour, day, week or month";
        if request.interval.is_empty() {
            return Err(SpecError::Missing { parameter: "interval", expected: names.to_owned() });
        }
        let interval = Interval::from_name(&request.interval)
            .ok_or_else(|| SpecError::value("interval", &request.interval, format!("use {names}")))?;
        let by = groupings(&request.by)?;
        if let Some(part) = by.iter().find(|by| by.time().is_some()) {
            let expected = "dimensions of deliveries; a series has its `interval`, a split takes parts of time";
            return Err(SpecError::value("by", &part.to_string(), expected));
        }
        let sort = sort(request.sort.as_deref(), &by)?;
        let limit = limit(request.limit.as_deref(), 10)?;
        let spec = Self::of_numbers(Kind::Series(interval), &request.common(), &request.numbers())?;
        let spec = spec.by_groups(Groups { by, sort, limit });
        spec.check_points(interval)?;
        spec.check_suppression()?;
        Ok(spec)
    }

    /// These messages, with nothing to show of them yet.
    ///
    /// # Errors
    /// Names the parameter and what to change.
    pub(crate) fn over(kind: Kind, common: &Common<'_>, clock: Option<&str>) -> Result<Self, SpecError> {
        let tz = time_zone(common.tz)?;
        none_left(common.segment)?;
        let range = Range::new(common.from, common.to, tz)?;
        let none = Shown { all: Vec::new(), named: None };
        Ok(Self { filters: Tree::read(common.filter)?, ..Self::plain(kind, range, tz, basis(clock)?, none) })
    }

    /// The same by groups.
    pub(crate) fn by_groups(self, Groups { by, sort, limit }: Groups) -> Self {
        Self { by, sort, limit, ..self }
    }

    fn of_numbers(kind: Kind, common: &Common<'_>, numbers: &Numbers<'_>) -> Result<Self, SpecError> {
        let (rates, fbl) = apart(numbers.rates);
        if fbl && matches!(kind, Kind::Series(_)) {
            let expected = format!("a series does not show it: ask for spam_rate with filter={}", reporting_text());
            return Err(SpecError::value("rates", FBL_SPAM_RATE, expected));
        }
        let spec = Self::over(kind, common, numbers.basis)?;
        Ok(Self {
            measures: shown("measures", numbers.measures, Measure::ALL, Measure::name)?,
            rates: shown("rates", rates.as_deref(), Rate::ALL, Rate::name)?,
            fbl,
            intervals: truth("intervals", numbers.intervals)?,
            compare: numbers.compare.map(|text| period::other(text, spec.range, spec.tz)).transpose()?,
            suppress_below: numbers.suppress_below.map(suppress_below).transpose()?,
            ..spec
        })
    }

    /// These measures of everything, and nothing else.
    pub(crate) fn plain(kind: Kind, range: Range, tz: Tz, basis: Basis, measures: Shown<Measure>) -> Self {
        Self {
            kind,
            range,
            tz,
            basis,
            measures,
            rates: Shown { all: Vec::new(), named: None },
            filters: Vec::new(),
            by: Vec::new(),
            sort: Sort { key: SortKey::Measure(Measure::Queued), descending: true },
            limit: 1,
            min_volume: 0,
            after: None,
            fbl: false,
            intervals: false,
            compare: None,
            suppress_below: None,
        }
    }

    /// The same as an account allows it, of which numbers of fewer people than this are always hidden.
    ///
    /// # Errors
    /// When that cannot be done for such a report.
    pub fn suppressed_below(mut self, least: Option<u32>) -> Result<Self, SpecError> {
        self.suppress_below = self.suppress_below.max(least);
        self.check_suppression()?;
        Ok(self)
    }

    /// What would tell hidden numbers, or would take too long to hide, is refused.
    fn check_suppression(&self) -> Result<(), SpecError> {
        if self.suppress_below.is_none() {
            return Ok(());
        }
        if self.compare.is_some() {
            let expected = "leave it out where small numbers are hidden: what another period shows could tell them";
            return Err(SpecError::value("compare", "…", expected));
        }
        if self.after.is_some() {
            let expected = "pages would tell what each hides: where small numbers are hidden, raise `limit` instead";
            return Err(SpecError::value("cursor", "…", expected));
        }
        if self.fbl {
            let expected = format!(
                "its parts are no numbers of the report: where small numbers are hidden, ask for spam_rate with filter={}",
                reporting_text()
            );
            return Err(SpecError::value("rates", FBL_SPAM_RATE, expected));
        }
        if self.kind == Kind::Split && self.limit > MOST_SUPPRESSED {
            let expected = format!("where small numbers are hidden, use at most {MOST_SUPPRESSED}");
            return Err(SpecError::value("limit", &self.limit.to_string(), expected));
        }
        if let Kind::Series(interval) = self.kind {
            self.check_points_of(interval, u64::from(MOST_SUPPRESSED))?;
        }
        Ok(())
    }

    fn check_points(&self, interval: Interval) -> Result<(), SpecError> {
        self.check_points_of(interval, MOST_POINTS)
    }

    fn check_points_of(&self, interval: Interval, limit: u64) -> Result<(), SpecError> {
        let lengths =
            [Some(self.range), self.compare].into_iter().flatten().map(|range| u64::from(range.to - range.from));
        let length = lengths.max().unwrap_or_default();
        let groups = if self.by.is_empty() { 1 } else { u64::from(self.limit) };
        let points = |interval: Interval| length.div_ceil(interval.seconds().unsigned_abs()) * groups;
        if points(interval) <= limit {
            return Ok(());
        }
        let coarser = Interval::ALL.into_iter().find(|coarser| points(*coarser) <= limit);
        let change = match coarser {
            Some(coarser) => format!("use interval={}, or a shorter range or a smaller limit", coarser.name()),
            None => "use a shorter range or a smaller limit".to_owned(),
        };
        Err(SpecError::TooManyPoints { points: points(interval), limit, change })
    }

    /// What is reported.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// From when to when.
    #[must_use]
    pub const fn range(&self) -> Range {
        self.range
    }

    /// In which time zone.
    #[must_use]
    pub const fn tz(&self) -> Tz {
        self.tz
    }

    /// By which clock.
    #[must_use]
    pub const fn basis(&self) -> Basis {
        self.basis
    }

    /// What it is split by.
    #[must_use]
    pub fn by(&self) -> &[Grouping] {
        &self.by
    }

    /// The measures shown, in their order.
    #[must_use]
    pub fn measures(&self) -> &[Measure] {
        &self.measures.all
    }

    /// The rates shown, in their order.
    #[must_use]
    pub fn rates(&self) -> &[Rate] {
        &self.rates.all
    }

    /// The most groups shown.
    #[must_use]
    pub const fn limit(&self) -> u32 {
        self.limit
    }

    /// Whether it says how sure its rates are.
    #[must_use]
    pub const fn intervals(&self) -> bool {
        self.intervals
    }

    /// The period that it is compared with.
    #[must_use]
    pub const fn compare(&self) -> Option<Range> {
        self.compare
    }

    /// The same of the period that it is compared with, whatever that period's order of groups would be.
    pub(crate) fn other(&self) -> Option<Self> {
        let range = self.compare?;
        Some(Self { range, compare: None, intervals: false, min_volume: 0, after: None, ..self.clone() })
    }

    /// Below how many people a number is hidden, if any is.
    #[must_use]
    pub const fn suppress_below(&self) -> Option<u32> {
        self.suppress_below
    }

    /// Whether the rates of its rows are compared with the rest: on the `event` basis they are no proportions.
    pub(crate) fn compares(&self) -> bool {
        self.intervals && self.kind == Kind::Split && self.basis == Basis::Sent
    }

    /// Whether complaints must be known apart of mail to those who tell of them: to show their rate, or to compare by it.
    pub(crate) fn asks_who_reports(&self) -> bool {
        // Where small numbers are hidden, those of a part of the providers would tell them.
        let compared = self.compares() && self.suppress_below.is_none();
        self.fbl || compared && self.rates.all.contains(&Rate::SpamRate)
    }

    /// The same of mail to those who tell of complaints: what its spam rate is made of.
    pub(crate) fn reporting(&self) -> Self {
        let names = REPORTING.iter().map(|name| (*name).to_owned()).collect();
        let mut spec = self.clone();
        spec.filters.push(Filter { dimension: Dimension::MailboxProvider, test: Test::In(names) }.into());
        spec.measures = Shown { all: vec![Measure::Delivered, Measure::Complained], named: None };
        spec.rates = Shown { all: Vec::new(), named: None };
        (spec.fbl, spec.intervals, spec.compare, spec.min_volume, spec.after) = (false, false, None, 0, None);
        spec.sort.key = SortKey::Measure(Measure::Delivered);
        spec
    }

    /// The same of all groups together.
    pub(crate) fn of_all(&self) -> Self {
        Self { kind: Kind::Summary, by: Vec::new(), ..self.clone() }
    }

    /// Whether every group may be shown, if the limit allows.
    pub(crate) const fn shows_all(&self) -> bool {
        self.min_volume == 0 && self.after.is_none()
    }

    /// The measures that must be known: those that are told, and where small numbers are hidden all, for what is not shown may follow from
    /// what is.
    pub(crate) fn needed(&self) -> Vec<Measure> {
        if self.suppress_below.is_some() { Measure::ALL.to_vec() } else { self.told() }
    }

    /// The measures that an answer tells of: those shown, those that the rates need, the one to sort by, and the volume.
    pub(crate) fn told(&self) -> Vec<Measure> {
        let sorted = match self.sort.key {
            SortKey::Rate(rate) => vec![rate.numerator(), rate.denominator()],
            SortKey::Measure(measure) => vec![measure],
            SortKey::Dimension(_) => Vec::new(),
        };
        let sorted = if self.by.is_empty() { Vec::new() } else { sorted };
        let rated = self.rates.all.iter().flat_map(|rate| [rate.numerator(), rate.denominator()]);
        let volume = (self.min_volume > 0).then_some(Measure::Queued);
        let needed: Vec<_> = self.measures.all.iter().copied().chain(rated).chain(sorted).chain(volume).collect();
        Measure::ALL.iter().copied().filter(|measure| needed.contains(measure)).collect()
    }

    /// The tests of its filters, in the order in which they stand.
    pub(crate) fn tests(&self) -> Vec<&Filter> {
        self.filters.iter().flat_map(Tree::tests).collect()
    }

    /// Whether all mail of the group with this key (none: of all groups) went to mailbox providers that do not tell of complaints.
    pub(crate) fn is_silent(&self, key: &[String]) -> bool {
        let silent = |name: &String| reports_complaints(name) == Some(false);
        let mut keys = self.by.iter().zip(key);
        let by_key = keys.any(|(by, value)| by.dimension() == Some(&Dimension::MailboxProvider) && silent(value));
        by_key || self.filters.iter().any(Tree::is_silent)
    }

    /// The dimensions that it names, each once.
    pub(crate) fn dimensions(&self) -> Vec<&Dimension> {
        let mut dimensions: Vec<_> = self.by.iter().filter_map(Grouping::dimension).collect();
        for filter in self.tests() {
            if !dimensions.contains(&&filter.dimension) {
                dimensions.push(&filter.dimension);
            }
        }
        dimensions
    }
}

/// Which groups, in which order, and how many of them.
pub(crate) struct Groups {
    by: Vec<Grouping>,
    sort: Sort,
    limit: u32,
}

impl Groups {
    /// Those of a split.
    pub(crate) fn split(names: &[String], order: Option<&str>, most: Option<&str>) -> Result<Self, SpecError> {
        let by = groupings(names)?;
        Ok(Self { sort: sort(order, &by)?, limit: limit(most, usual_limit(&by))?, by })
    }
}

/// The rates named but for that of mail to those who tell of complaints, and whether that is named, too.
fn apart(names: Option<&[String]>) -> (Option<Vec<String>>, bool) {
    let Some(names) = names else { return (None, false) };
    let others: Vec<_> = names.iter().filter(|name| *name != FBL_SPAM_RATE).cloned().collect();
    let fbl = others.len() < names.len();
    (Some(others), fbl)
}

fn reporting_text() -> String {
    format!("mailbox_provider:in:{}", REPORTING.join("|"))
}

pub(crate) fn basis(name: Option<&str>) -> Result<Basis, SpecError> {
    let Some(name) = name else { return Ok(Basis::default()) };
    let found = Basis::ALL.into_iter().find(|basis| basis.name() == name);
    found.ok_or_else(|| SpecError::value("basis", name, "use sent or event"))
}

/// A switch that is off unless it is set.
pub(crate) fn truth(parameter: &'static str, text: Option<&str>) -> Result<bool, SpecError> {
    match text {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(other) => Err(SpecError::value(parameter, other, "use true or false")),
    }
}

/// Reads below how many people numbers are hidden.
///
/// # Errors
/// When it is no number, or too small or too great.
pub fn suppress_below(text: &str) -> Result<u32, SpecError> {
    let least = text.parse().ok().filter(|least| SUPPRESSED_BELOW.contains(least));
    let (from, to) = SUPPRESSED_BELOW.into_inner();
    least.ok_or_else(|| SpecError::value("suppress_below", text, format!("use a whole number from {from} to {to}")))
}

fn shown<T: Copy + PartialEq>(
    parameter: &'static str,
    names: Option<&[String]>,
    all: &[T],
    name_of: fn(T) -> &'static str,
) -> Result<Shown<T>, SpecError> {
    let Some(names) = names else { return Ok(Shown { all: all.to_vec(), named: None }) };
    let mut wanted = Vec::new();
    for name in names {
        let found = all.iter().copied().find(|one| name_of(*one) == name).ok_or_else(|| {
            let known: Vec<_> = all.iter().map(|one| name_of(*one)).collect();
            SpecError::value(parameter, name, format!("use {}", known.join(", ")))
        })?;
        if !wanted.contains(&found) {
            wanted.push(found);
        }
    }
    let all = all.iter().copied().filter(|one| wanted.contains(one)).collect();
    Ok(Shown { all, named: Some(wanted) })
}

fn groupings(names: &[String]) -> Result<Vec<Grouping>, SpecError> {
    if names.len() > MOST_DIMENSIONS {
        return Err(SpecError::TooMany { parameter: "by", limit: MOST_DIMENSIONS });
    }
    let mut by: Vec<Grouping> = Vec::new();
    for name in names {
        let grouping: Grouping = name.parse().map_err(|error| SpecError::value("by", name, format!("{error}")))?;
        if by.contains(&grouping) {
            return Err(SpecError::Duplicate { dimension: grouping.to_string() });
        }
        by.push(grouping);
    }
    Ok(by)
}

/// Reads filters as they are written in rules.
pub(crate) fn filters(texts: &[String]) -> Result<Vec<Filter>, SpecError> {
    if texts.len() > MOST_FILTERS {
        return Err(SpecError::TooMany { parameter: "filter", limit: MOST_FILTERS });
    }
    let read =
        |(number, text): (usize, &String)| Filter::parse(text).map_err(|problem| SpecError::Filter { number, problem });
    (1..).zip(texts).map(read).collect()
}

fn sort(text: Option<&str>, by: &[Grouping]) -> Result<Sort, SpecError> {
    let text = text.unwrap_or("-queued");
    let (name, descending) = text.strip_prefix('-').map_or((text, false), |name| (name, true));
    let measure = Measure::from_name(name).map(SortKey::Measure);
    let rate = Rate::from_name(name).map(SortKey::Rate);
    let place = by.iter().position(|grouping| grouping.to_string() == name).map(SortKey::Dimension);
    let key = measure.or(rate).or(place).ok_or_else(|| {
        SpecError::value(
            "sort",
            text,
            "use a measure, a rate or a dimension of `by`, with `-` before it for descending",
        )
    })?;
    Ok(Sort { key, descending })
}

pub(crate) fn limit(text: Option<&str>, default: u32) -> Result<u32, SpecError> {
    let Some(text) = text else { return Ok(default) };
    let limit = text.parse().ok().filter(|limit| (1..=MOST_GROUPS).contains(limit));
    limit.ok_or_else(|| SpecError::value("limit", text, format!("use a whole number from 1 to {MOST_GROUPS}")))
}

/// A week of hours is shown whole.
fn usual_limit(by: &[Grouping]) -> u32 {
    if heat::places(by).is_some() { heat::CELLS } else { 50 }
}

fn min_volume(text: Option<&str>) -> Result<u32, SpecError> {
    let Some(text) = text else { return Ok(0) };
    text.parse().map_err(|_| SpecError::value("min_volume", text, format!("use a whole number from 0 to {}", u32::MAX)))
}
