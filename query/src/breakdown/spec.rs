//! A request, judged: which report, of which deliveries, with which columns in which order.

use schema::{Dimension, Measure, Rate, SecureMethod};

use super::request::{FailuresRequest, LinksRequest, SecurityRequest};
use crate::{
    Filter, Kind, Range, ReportSpec, Sort, SortKey, SpecError, Tree,
    spec::{Shown, truth},
    tree::Operand,
};

/// Which report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BreakdownKind {
    /// Why messages failed.
    Failures {
        /// What they are grouped by.
        by: FailuresBy,
    },
    /// Which links were followed.
    Links {
        /// Whether URLs are shown without what follows a `?` or a `#`.
        strip_query: bool,
    },
    /// What left unencrypted.
    Security {
        /// What they are grouped by.
        by: Dimension,
        /// Whether it says by which method messages were secured.
        methods: bool,
    },
}

/// What failures are grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailuresBy {
    /// The class of the latest failure.
    Class,
    /// The code in its reason.
    Status,
    /// The domain of the recipient.
    Domain,
    /// The pattern of its reason.
    Reason,
}

impl FailuresBy {
    const ALL: [Self; 4] = [Self::Class, Self::Status, Self::Domain, Self::Reason];

    /// Its name in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Class => "class",
            Self::Status => "status",
            Self::Domain => "domain",
            Self::Reason => "reason",
        }
    }
}

/// A number of each group, and how the database makes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    made: Made,
}

/// What a number is made of: an expression of a row of the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Made {
    /// How many rows there are for which this holds.
    Rows(&'static str),
    /// How many distinct values of the first there are in rows for which the second holds.
    Distinct(&'static str, &'static str),
    /// The earliest time.
    First(&'static str),
    /// The latest time.
    Last(&'static str),
}

impl Column {
    const fn new(name: &'static str, made: Made) -> Self {
        Self { name, made }
    }

    /// The number of a group.
    pub(crate) fn of_group(&self) -> String {
        let name = self.name;
        match self.made {
            Made::Rows(holds) => format!("countIf({holds}) AS {name}"),
            Made::Distinct(value, holds) => format!("uniqExactStateIf({value}, {holds}) AS {name}"),
            Made::First(time) => format!("toUnixTimestamp64Milli(min({time})) AS {name}"),
            Made::Last(time) => format!("toUnixTimestamp64Milli(max({time})) AS {name}"),
        }
    }

    /// The number of several groups together.
    pub(crate) fn of_groups(&self) -> String {
        let name = self.name;
        let sum = match self.made {
            Made::Rows(_) => "sum",
            Made::Distinct(..) => "uniqExactMerge",
            Made::First(_) => "min",
            Made::Last(_) => "max",
        };
        format!("{sum}({name}) AS all_{name}")
    }

    /// The number of a group as something to sort by.
    pub(crate) fn sorted(&self) -> String {
        match self.made {
            Made::Distinct(..) => format!("finalizeAggregation({})", self.name),
            Made::Rows(_) | Made::First(_) | Made::Last(_) => self.name.to_owned(),
        }
    }

    const fn is_time(&self) -> bool {
        matches!(self.made, Made::First(_) | Made::Last(_))
    }
}

const FAILURES: &[Column] = &[
    Column::new("failed", Made::Rows("true")),
    Column::new("domains", Made::Distinct("domain", "true")),
    Column::new("first_at", Made::First("failed_at")),
    Column::new("last_at", Made::Last("failed_at")),
];

const LINKS: &[Column] = &[
    Column::new("clicks", Made::Rows("NOT machine")),
    Column::new("clicked", Made::Distinct("delivery", "NOT machine AND NOT late")),
    Column::new("machine_clicks", Made::Rows("machine")),
];

/// What is shown of how mail was secured.
const SECURITY: [Measure; 4] = [Measure::Queued, Measure::Delivered, Measure::Secured, Measure::Unsecured];

/// The order of the rows; equals are in the ascending order of their keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    /// The place of the column; `None` is the key.
    pub(crate) column: Option<usize>,
    pub(crate) descending: bool,
}

/// A valid request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BreakdownSpec {
    pub(crate) kind: BreakdownKind,
    /// Of which deliveries; of security, the split whose numbers these are.
    pub(crate) frame: ReportSpec,
    pub(crate) sort: Order,
    pub(crate) limit: u32,
}

impl BreakdownSpec {
    /// Why messages failed.
    ///
    /// # Errors
    /// Names the parameter and what to change.
    pub fn failures(request: &FailuresRequest) -> Result<Self, SpecError> {
        let expected = "class, status, domain or reason";
        if request.by.is_empty() {
            return Err(SpecError::Missing { parameter: "by", expected: expected.to_owned() });
        }
        let by = FailuresBy::ALL.into_iter().find(|by| by.name() == request.by);
        let by = by.ok_or_else(|| SpecError::value("by", &request.by, format!("use {expected}")))?;
        let sort = order(request.sort.as_deref(), FAILURES, by.name())?;
        let (frame, limit) = request.frame()?;
        Ok(Self { kind: BreakdownKind::Failures { by }, frame, sort, limit })
    }

    /// Which links were followed.
    ///
    /// # Errors
    /// Names the parameter and what to change.
    pub fn links(request: &LinksRequest) -> Result<Self, SpecError> {
        let strip_query = request.strip_query.is_none() || truth("strip_query", request.strip_query.as_deref())?;
        let sort = order(request.sort.as_deref(), LINKS, "url")?;
        let (mut frame, limit) = request.frame()?;
        if let Some(name) = &request.campaign {
            let filter = Filter::of("campaign", "is", Operand::Text(name));
            let filter = filter.map_err(|problem| SpecError::value("campaign", name, format!("it {problem}")))?;
            frame.filters.push(Tree::Test(filter));
        }
        Ok(Self { kind: BreakdownKind::Links { strip_query }, frame, sort, limit })
    }

    /// What left unencrypted.
    ///
    /// # Errors
    /// Names the parameter and what to change.
    pub fn security(request: &SecurityRequest) -> Result<Self, SpecError> {
        let by = match request.by.as_deref() {
            None | Some("recipient_domain") => Dimension::RecipientDomain,
            Some("mailbox_provider") => Dimension::MailboxProvider,
            Some(other) => return Err(SpecError::value("by", other, "use recipient_domain or mailbox_provider")),
        };
        let methods = truth("methods", request.methods.as_deref())?;
        let (mut frame, limit) = request.frame()?;
        let text = request.sort.as_deref().unwrap_or("-unsecured");
        let (name, descending) = text.strip_prefix('-').map_or((text, false), |name| (name, true));
        let measure = SECURITY.into_iter().find(|measure| measure.name() == name).map(SortKey::Measure);
        let rate = (name == Rate::SecuredRate.name()).then_some(SortKey::Rate(Rate::SecuredRate));
        let key = measure.or(rate).or((name == by.column()).then_some(SortKey::Dimension(0)));
        let expected = || {
            format!(
                "use unsecured, secured, delivered, queued, secured_rate or {by}, with `-` before it for descending"
            )
        };
        let key = key.ok_or_else(|| SpecError::value("sort", text, expected()))?;
        frame.kind = Kind::Split;
        frame.by = vec![by.clone().into()];
        frame.sort = Sort { key, descending };
        frame.measures = Shown { all: SECURITY.to_vec(), named: None };
        frame.rates = Shown { all: vec![Rate::SecuredRate], named: None };
        frame.limit = limit;
        Ok(Self {
            kind: BreakdownKind::Security { by, methods },
            frame,
            sort: Order { column: None, descending },
            limit,
        })
    }

    /// Which report.
    #[must_use]
    pub const fn kind(&self) -> &BreakdownKind {
        &self.kind
    }

    /// From when to when.
    #[must_use]
    pub const fn range(&self) -> Range {
        self.frame.range
    }

    /// In which time zone.
    #[must_use]
    pub const fn tz(&self) -> chrono_tz::Tz {
        self.frame.tz
    }

    /// What the report is called.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self.kind {
            BreakdownKind::Failures { .. } => "failures",
            BreakdownKind::Links { .. } => "links",
            BreakdownKind::Security { .. } => "security",
        }
    }

    /// What a key is called.
    pub(super) fn by(&self) -> &'static str {
        match &self.kind {
            BreakdownKind::Failures { by } => by.name(),
            BreakdownKind::Links { .. } => "url",
            BreakdownKind::Security { by, .. } => by.column(),
        }
    }

    /// What the rate is called.
    pub(super) const fn rate_name(&self) -> &'static str {
        match self.kind {
            BreakdownKind::Failures { .. } | BreakdownKind::Links { .. } => "share",
            BreakdownKind::Security { .. } => Rate::SecuredRate.name(),
        }
    }

    /// What a statement makes of each group; of security, the split does.
    pub(crate) const fn columns(&self) -> &'static [Column] {
        match self.kind {
            BreakdownKind::Failures { .. } => FAILURES,
            BreakdownKind::Links { .. } => LINKS,
            BreakdownKind::Security { .. } => &[],
        }
    }

    /// The names of the measures shown, in their order.
    pub(super) fn measures(&self) -> impl Iterator<Item = &'static str> + Clone + use<> {
        let split: &'static [Measure] = match self.kind {
            BreakdownKind::Security { .. } => &SECURITY,
            BreakdownKind::Failures { .. } | BreakdownKind::Links { .. } => &[],
        };
        let methods: &'static [SecureMethod] = match self.kind {
            BreakdownKind::Security { methods: true, .. } => SecureMethod::ALL,
            _ => &[],
        };
        let split = split.iter().copied().map(Measure::name);
        let columns = self.columns().iter().filter(|column| !column.is_time()).map(|column| column.name);
        columns.chain(split).chain(methods.iter().map(|method| method.name()))
    }

    /// Whether it tells when things happened first and last.
    pub(super) fn tells_times(&self) -> bool {
        self.columns().iter().any(Column::is_time)
    }

    /// What a reader should know about the numbers.
    pub(super) const fn note(&self) -> Option<&'static str> {
        match self.kind {
            BreakdownKind::Links { .. } => Some(LINKS_NOTE),
            BreakdownKind::Failures { .. } | BreakdownKind::Security { .. } => None,
        }
    }
}

/// Distinct things do not add up.
const LINKS_NOTE: &str =
    "`clicked` counts a delivery once for each URL and once in the total, so its rows add up to more than the total.";

fn order(text: Option<&str>, columns: &[Column], key: &str) -> Result<Order, SpecError> {
    let Some(text) = text else { return Ok(Order { column: Some(0), descending: true }) };
    let (name, descending) = text.strip_prefix('-').map_or((text, false), |name| (name, true));
    let column = columns.iter().position(|column| column.name == name);
    if column.is_none() && name != key {
        let names: Vec<_> = columns.iter().map(|column| column.name).collect();
        let expected = format!("use {} or {key}, with `-` before it for descending", names.join(", "));
        return Err(SpecError::value("sort", text, expected));
    }
    Ok(Order { column, descending })
}
