//! What a caller asks of latencies, as texts and judged. Which messages, in which groups, in which order: that is a split's to judge.

use schema::{Latency, Measure};

use crate::{
    Kind, ReportSpec,
    common::{Common, requests},
    error::SpecError,
    request::{names, scalar, some_names},
    spec::{Groups, Shown, truth},
};

/// The most groups of one answer: each has hundreds of steps.
const MOST_GROUPS: u32 = 1_000;

/// Requests of all messages or of groups, with what says which groups.
macro_rules! grouped {
    ($($(#[$meta:meta])* $name:ident { $($own:tt)* })+) => { requests! { $(
        $(#[$meta])*
        $name with total {
            $($own)*
            /// What to split by, as in a split, at most 3. Default: nothing, the total alone.
            #[serde(default, deserialize_with = "names", skip_serializing_if = "Vec::is_empty")]
            #[param(required = false, style = Form, explode = false, example = json!(["mailbox_provider"]))]
            #[schema(required = false, example = json!(["mailbox_provider"]))]
            pub by: Vec<String>,
            /// A measure, a rate or a dimension of `by` to sort the groups by, `-` before it for descending. Default: `-queued`.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[param(example = "-queued")]
            #[schema(example = "-queued")]
            pub sort: Option<String>,
            /// The most groups to show; what is not shown is summed up in `remainder`. Default: 50.
            #[serde(default, deserialize_with = "scalar", skip_serializing_if = "Option::is_none")]
            #[param(value_type = Option<u32>, minimum = 1, maximum = 1_000)]
            #[schema(value_type = Option<u32>, minimum = 1, maximum = 1_000)]
            pub limit: Option<String>,
        }
    )+ } };
}

grouped! {
    /// Latencies: of all messages, or one row for each group. Messages are dated by when they were sent.
    LatencyRequest {
        /// Which latencies to show, separated by commas: `delivery`, `open`, `click`. Default: all.
        #[serde(default, deserialize_with = "some_names", skip_serializing_if = "Option::is_none")]
        #[param(style = Form, explode = false, example = json!(["delivery"]))]
        #[schema(example = json!(["delivery"]))]
        pub of: Option<Vec<String>>,
    }

    /// How openings and clicks came in with the age of messages: of all, of a campaign named in `filter`, or of each group. Messages are
    /// dated by when they were sent.
    DecayRequest {}
}

/// Latencies of which messages, judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LatencySpec {
    /// The groups and their order, on the `sent` basis.
    pub(super) groups: ReportSpec,
    /// What is shown, in its order.
    pub(super) of: Vec<Latency>,
    /// Whether a CSV ends with the total.
    pub(super) total: bool,
}

impl LatencySpec {
    /// Latencies of all or by groups.
    ///
    /// # Errors
    /// Names the parameter and what to change.
    pub fn latencies(request: &LatencyRequest) -> Result<Self, SpecError> {
        let LatencyRequest { by, sort, limit, total, .. } = request;
        let groups = groups(&request.common(), by, sort.as_deref(), limit.as_deref())?;
        let of = kinds(request.of.as_deref())?;
        Ok(Self { groups, of, total: truth("total", total.as_deref())? })
    }

    /// Decay curves of all or by groups.
    ///
    /// # Errors
    /// Names the parameter and what to change.
    pub fn decay(request: &DecayRequest) -> Result<Self, SpecError> {
        let DecayRequest { by, sort, limit, total, .. } = request;
        let groups = groups(&request.common(), by, sort.as_deref(), limit.as_deref())?;
        let of = vec![Latency::Open, Latency::Click];
        Ok(Self { groups, of, total: truth("total", total.as_deref())? })
    }
}

/// All messages, or groups of them, with the one number that groups are found by.
fn groups(
    common: &Common<'_>,
    by: &[String],
    sort: Option<&str>,
    limit: Option<&str>,
) -> Result<ReportSpec, SpecError> {
    let all = ReportSpec::over(Kind::Summary, common, None)?;
    let all = ReportSpec { measures: Shown { all: vec![Measure::Queued], named: None }, ..all };
    if by.is_empty() {
        return Ok(all);
    }
    let groups = ReportSpec { kind: Kind::Split, ..all.by_groups(Groups::split(by, sort, limit)?) };
    if groups.limit > MOST_GROUPS {
        let expected = format!("use a whole number from 1 to {MOST_GROUPS}");
        return Err(SpecError::value("limit", &groups.limit.to_string(), expected));
    }
    Ok(groups)
}

fn kinds(names: Option<&[String]>) -> Result<Vec<Latency>, SpecError> {
    let Some(names) = names else { return Ok(Latency::ALL.to_vec()) };
    let known = |name: &String| {
        Latency::from_name(name).ok_or_else(|| SpecError::value("of", name, "use delivery, open and click"))
    };
    let wanted = names.iter().map(known).collect::<Result<Vec<_>, _>>()?;
    if wanted.is_empty() {
        return Err(SpecError::Missing { parameter: "of", expected: "delivery, open or click".to_owned() });
    }
    Ok(Latency::ALL.into_iter().filter(|kind| wanted.contains(kind)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::from_pairs;

    fn latencies(more: &[(&str, &str)]) -> Result<LatencySpec, SpecError> {
        let range = [("from", "2026-11-01"), ("to", "2026-11-08")];
        LatencySpec::latencies(&from_pairs(range.into_iter().chain(more.iter().copied()))?)
    }

    #[test]
    fn what_is_shown_comes_in_its_order_and_each_once() {
        assert_eq!(latencies(&[]).unwrap().of, Latency::ALL);
        assert_eq!(latencies(&[("of", "click,delivery,click")]).unwrap().of, [Latency::Delivery, Latency::Click]);
    }

    #[test]
    fn what_is_wrong_is_told_by_name() {
        for (name, value) in [
            ("of", "opening"),
            ("of", ","),
            ("by", "nothing"),
            ("filter", "x"),
            ("segment", "visits"),
            ("total", "perhaps"),
            ("basis", "event"),
        ] {
            let parameter = if name == "basis" { "request" } else { name };
            assert_eq!(latencies(&[(name, value)]).unwrap_err().parameter(), parameter, "{value}");
        }
        assert_eq!(latencies(&[("by", "subject"), ("limit", "1001")]).unwrap_err().parameter(), "limit");
        let decay = |pairs: [(&str, &str); 3]| LatencySpec::decay(&from_pairs(pairs).unwrap()).unwrap_err();
        assert_eq!(decay([("from", "2026-11-08"), ("to", "2026-11-01"), ("tz", "UTC")]).parameter(), "to");
        assert_eq!(decay([("from", "2026-11-01"), ("to", "2026-11-08"), ("segment", "a")]).parameter(), "segment");
    }
}
