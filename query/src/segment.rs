//! Saved filters by name. Where they are kept is not known here: a caller asks which names a request has, and puts in what they stand for.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::{
    Expression, Node, SpecError, Tree,
    tree::{DEEPEST, MOST_TESTS},
};

/// The longest document of a saved filter, in bytes.
const LONGEST: usize = 64 << 10;

/// A saved filter as a caller writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SegmentRequest, example = json!({"description": "Visits, but for Gmail",
    "filter": {"all": ["subject:contains:visit", {"not": "mailbox_provider:is:gmail"}]}}))]
pub struct SegmentRequest {
    /// What people should know of it, at most 500 characters.
    #[serde(default)]
    #[schema(required = false, max_length = 500)]
    pub description: String,
    /// `DIM:OP:VALUE`, a tree of `all`, `any` and `not`, or a list of these, all of which must hold: as in a report. It names no segments.
    #[serde(default, deserialize_with = "crate::expression::several")]
    #[schema(required, value_type = crate::expression::Filters)]
    pub filter: Vec<Expression>,
}

impl SegmentRequest {
    /// Judges the filter: what is stored can be used.
    ///
    /// # Errors
    /// Names the parameter and what to change.
    pub fn check(&self) -> Result<(), SpecError> {
        if self.filter.is_empty() {
            let expected = "what messages must be like, such as mailbox_provider:is:gmail".to_owned();
            return Err(SpecError::Missing { parameter: "filter", expected });
        }
        let document =
            serde_json::to_vec(&self.filter).map_err(|error| SpecError::Request { detail: error.to_string() })?;
        if document.len() > LONGEST {
            let expected = format!("shorten it to {} KiB", LONGEST >> 10);
            return Err(SpecError::value("filter", "so long a filter", expected));
        }
        Tree::read(&self.filter).map(drop)
    }
}

/// A request that may name saved filters.
pub trait Segmented {
    /// What it says of them.
    fn segments(&mut self) -> Segments<'_>;
}

/// What a request says of saved filters: those that it names beside its filters, and those within.
#[derive(Debug)]
pub struct Segments<'a> {
    /// The filters, in which a node may name a segment.
    pub filter: &'a mut Vec<Expression>,
    /// The segments that must hold, too.
    pub segment: &'a mut Vec<String>,
}

impl Segments<'_> {
    /// The names, each once.
    ///
    /// # Errors
    /// When there are more than a report may have, or deeper than its filters may be.
    pub fn names(&self) -> Result<BTreeSet<String>, SpecError> {
        let mut named = Named { times: self.segment.len(), names: self.segment.iter().cloned().collect() };
        self.filter.iter().try_for_each(|filter| named.look(filter, 0))?;
        // Each stands for a test at least, so more of them make no report, whatever they stand for.
        if named.times > MOST_TESTS {
            return Err(SpecError::TooMany { parameter: "segment", limit: MOST_TESTS });
        }
        Ok(named.names)
    }

    /// Puts in place of each name what it stands for: all of that must hold. Names that are not among `known` stay, and make no report.
    pub fn resolve(self, known: &BTreeMap<String, Vec<Expression>>) {
        self.filter.iter_mut().for_each(|filter| put_into(filter, known));
        self.segment.retain(|name| match known.get(name) {
            Some(filter) => {
                self.filter.extend(filter.iter().cloned());
                false
            }
            None => true,
        });
    }
}

/// Names that nothing was put in place of make no report.
///
/// # Errors
/// When there is one.
pub(crate) fn none_left(names: &[String]) -> Result<(), SpecError> {
    match names.first() {
        None => Ok(()),
        Some(name) => Err(SpecError::value("segment", name, "there is no segment of that name")),
    }
}

struct Named {
    times: usize,
    names: BTreeSet<String>,
}

impl Named {
    fn look(&mut self, filter: &Expression, depth: usize) -> Result<(), SpecError> {
        let Expression::Node(node) = filter else { return Ok(()) };
        if depth > DEEPEST {
            let expected = format!("it stands more than {DEEPEST} deep in all, any and not: make the tree flatter");
            return Err(SpecError::value("filter", "so deep a tree", expected));
        }
        if let Some(name) = &node.segment {
            self.times += 1;
            self.names.insert(name.clone());
        }
        inside(node).try_for_each(|filter| self.look(filter, depth + 1))
    }
}

fn inside(node: &Node) -> impl Iterator<Item = &Expression> {
    node.all.iter().flatten().chain(node.any.iter().flatten()).chain(&node.not)
}

fn put_into(filter: &mut Expression, known: &BTreeMap<String, Vec<Expression>>) {
    let Expression::Node(node) = filter else { return };
    let Node { all, any, not, .. } = node.as_mut();
    let inside = all.iter_mut().flatten().chain(any.iter_mut().flatten()).chain(not.as_mut());
    inside.for_each(|filter| put_into(filter, known));
    let Some(meant) = node.segment.as_ref().and_then(|name| known.get(name)) else { return };
    // A node that says more than a name is no filter: it stays, to be refused.
    if **node != (Node { segment: node.segment.clone(), ..Node::default() }) {
        return;
    }
    *filter = match meant.as_slice() {
        [one] => one.clone(),
        several => Expression::Node(Box::new(Node { all: Some(several.to_vec()), ..Node::default() })),
    };
}

/// Reads names from a list, or from a text in which commas separate them. An empty name stays: a filter that is none must not pass in silence.
pub(crate) fn names<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a text or a list of texts")]
    enum Texts {
        One(String),
        Several(Vec<String>),
    }
    let texts = match Option::deserialize(deserializer)? {
        None => Vec::new(),
        Some(Texts::One(text)) => vec![text],
        Some(Texts::Several(texts)) => texts,
    };
    Ok(texts.iter().flat_map(|text| text.split(',')).map(|name| name.trim().to_owned()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::de::DeserializeOwned;

    use crate::{
        BreakdownSpec, DecayRequest, FailuresRequest, LatencyRequest, LatencySpec, LinksRequest, ReportSpec,
        SecurityRequest, SplitRequest, SummaryRequest, from_json, from_pairs,
    };

    fn known() -> BTreeMap<String, Vec<Expression>> {
        let text = |text: &str| Expression::Text(text.to_owned());
        let visits = vec![text("subject:contains:visit")];
        let small = vec![text("mailbox_provider:is_not:gmail"), text("campaign:is:autumn")];
        BTreeMap::from([("visits".to_owned(), visits), ("small".to_owned(), small)])
    }

    fn summary(members: &str) -> SummaryRequest {
        from_json(format!(r#"{{"from":"2026-11-01","to":"2026-11-08",{members}}}"#).as_bytes()).unwrap()
    }

    fn resolved(members: &str) -> Result<ReportSpec, SpecError> {
        let mut request = summary(members);
        Segments { filter: &mut request.filter, segment: &mut request.segment }.resolve(&known());
        ReportSpec::summary(&request)
    }

    fn names(members: &str) -> Result<BTreeSet<String>, SpecError> {
        let mut request = summary(members);
        Segments { filter: &mut request.filter, segment: &mut request.segment }.names()
    }

    #[test]
    fn a_segment_is_the_same_as_its_filter_written_out() {
        for (named, written) in [
            (r#""segment":"visits""#, r#""filter":"subject:contains:visit""#),
            (
                r#""segment":["small","visits"],"filter":"sender:is:a@b.example""#,
                r#""filter":["sender:is:a@b.example","mailbox_provider:is_not:gmail","campaign:is:autumn","subject:contains:visit"]"#,
            ),
            (r#""filter":{"not":{"segment":"visits"}}"#, r#""filter":{"not":"subject:contains:visit"}"#),
            (
                r#""filter":{"any":[{"segment":"small"},"campaign:is:x"]}"#,
                r#""filter":{"any":[{"all":["mailbox_provider:is_not:gmail","campaign:is:autumn"]},"campaign:is:x"]}"#,
            ),
        ] {
            assert_eq!(resolved(named).unwrap(), resolved(written).unwrap(), "{named}");
        }
    }

    /// What a report makes of a segment and of the same filter written out.
    fn both<R: DeserializeOwned + Segmented, S>(
        judge: impl Fn(&R) -> Result<S, SpecError>,
        by: &str,
    ) -> (Result<S, SpecError>, Result<S, SpecError>) {
        let asked = |name, value| {
            let range = [("from", "2026-11-01"), ("to", "2026-11-08"), ("filter", "sender:is:a@b.example")];
            let by = (!by.is_empty()).then_some(("by", by));
            let mut request: R = from_pairs(range.into_iter().chain(by).chain([(name, value)])).unwrap();
            request.segments().resolve(&known());
            judge(&request)
        };
        (asked("segment", "visits"), asked("filter", "subject:contains:visit"))
    }

    #[test]
    fn every_report_takes_segments() {
        let (named, written) = both(|request: &SplitRequest| ReportSpec::split(request), "campaign");
        assert_eq!(named.unwrap(), written.unwrap());
        for (named, written) in [
            both(|request: &FailuresRequest| BreakdownSpec::failures(request), "class"),
            both(|request: &LinksRequest| BreakdownSpec::links(request), ""),
            both(|request: &SecurityRequest| BreakdownSpec::security(request), "mailbox_provider"),
        ] {
            assert_eq!(named.unwrap(), written.unwrap());
        }
        for (named, written) in [
            both(|request: &LatencyRequest| LatencySpec::latencies(request), "campaign"),
            both(|request: &LatencyRequest| LatencySpec::latencies(request), ""),
            both(|request: &DecayRequest| LatencySpec::decay(request), "campaign"),
            both(|request: &DecayRequest| LatencySpec::decay(request), ""),
        ] {
            assert_eq!(named.unwrap(), written.unwrap());
        }
    }

    #[test]
    fn segments_are_repeated_or_listed_with_commas() {
        let request: SplitRequest =
            from_pairs([("by", "subject"), ("segment", "a, b"), ("filter", "subject:is:x"), ("segment", "c")]).unwrap();
        assert_eq!(request.segment, ["a", "b", "c"]);
        assert_eq!(summary(r#""segment":"a,b""#).segment, ["a", "b"]);
        assert_eq!(summary(r#""segment":["a,b","c"]"#).segment, ["a", "b", "c"]);
        assert_eq!(summary(r#""segment":null"#).segment, [""; 0]);
        assert_eq!(summary(r#""segment":"""#).segment, [""]);
    }

    #[test]
    fn a_name_that_is_not_known_makes_no_report() {
        for members in [
            r#""segment":"other""#,
            r#""segment":"""#,
            r#""filter":{"segment":"other"}"#,
            r#""filter":{"segment":"visits","dimension":"subject","is":"x"}"#,
            r#""filter":{"segment":"visits","not":"subject:is:x"}"#,
        ] {
            assert!(resolved(members).is_err(), "{members}");
        }
        let error = resolved(r#""filter":{"segment":"other"}"#).unwrap_err().to_string();
        assert!(error.contains("segment"), "{error}");
    }

    #[test]
    fn names_are_found_wherever_they_stand_and_have_limits() {
        let found = names(r#""segment":"a,b","filter":{"any":[{"not":{"segment":"c"}},{"all":[{"segment":"a"}]}]}"#);
        assert_eq!(found.unwrap().into_iter().collect::<Vec<_>>(), ["a", "b", "c"]);
        let many = |times: usize| format!(r#""filter":{{"any":[{}]}}"#, vec![r#"{"segment":"a"}"#; times].join(","));
        assert!(names(&many(MOST_TESTS)).is_ok());
        assert_eq!(names(&many(MOST_TESTS + 1)).unwrap_err().parameter(), "segment");
        let deep = |depth| format!(r#""filter":{}{{"segment":"a"}}{}"#, r#"{"not":"#.repeat(depth), "}".repeat(depth));
        assert!(names(&deep(DEEPEST)).is_ok());
        assert!(names(&deep(DEEPEST + 1)).is_err());
    }

    #[test]
    fn what_a_segment_stands_for_counts_among_the_tests_of_the_report() {
        let many =
            format!(r#""segment":"small","filter":["subject:is:x"{}]"#, r#","subject:is:y""#.repeat(MOST_TESTS - 2));
        assert_eq!(resolved(&many), Err(SpecError::TooMany { parameter: "filter", limit: MOST_TESTS }));
        let deep = format!(r#""filter":{}{{"segment":"small"}}{}"#, r#"{"not":"#.repeat(DEEPEST), "}".repeat(DEEPEST));
        assert!(resolved(&deep).unwrap_err().to_string().contains("flatter"));
    }

    #[test]
    fn what_cannot_be_used_is_not_saved() {
        let check = |document: &str| from_json::<SegmentRequest>(document.as_bytes()).unwrap().check();
        assert_eq!(check(r#"{"filter":["subject:is:x",{"any":["campaign:in:a|b",{"not":"sender:is:y"}]}]}"#), Ok(()));
        for (document, words) in [
            ("{}", "required"),
            (r#"{"filter":[]}"#, "required"),
            (r#"{"filter":"topic:is:x"}"#, "there is no dimension"),
            (r#"{"filter":{"segment":"visits"}}"#, "no segment"),
        ] {
            let error = check(document).unwrap_err().to_string();
            assert!(error.contains(words), "{document}: {error}");
        }
        let long = format!(r#"{{"filter":["subject:is:{0}","subject:is:{0}","subject:is:{0}"]}}"#, "x".repeat(30_000));
        assert!(check(&long).unwrap_err().to_string().contains("shorten"));
    }
}
