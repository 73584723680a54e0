//! Trees of filters: `all`, `any` and `not` over tests of dimensions, read once into what the SQL is made of.

use std::fmt;

use schema::{Dimension, reports_complaints};

use crate::{
    Filter, SpecError, Test,
    expression::{Expression, Node},
};

/// The most tests of dimensions in all filters of one report.
pub(crate) const MOST_TESTS: usize = 32;
/// How deep `all`, `any` and `not` may stand in each other.
pub(crate) const DEEPEST: usize = 8;

/// What a delivery must be like to count.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Tree {
    /// A dimension passes a test.
    Test(Filter),
    /// Every one of these holds; there is at least one.
    All(Vec<Self>),
    /// At least one of these holds; there is at least one.
    Any(Vec<Self>),
    /// This does not hold.
    Not(Box<Self>),
}

impl From<Filter> for Tree {
    fn from(filter: Filter) -> Self {
        Self::Test(filter)
    }
}

/// For people: `all(…, not(…))`.
impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |trees: &[Self]| trees.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        match self {
            Self::Test(filter) => filter.fmt(f),
            Self::All(trees) => write!(f, "all({})", list(trees)),
            Self::Any(trees) => write!(f, "any({})", list(trees)),
            Self::Not(tree) => write!(f, "not({tree})"),
        }
    }
}

impl Tree {
    /// Reads filters, all of which must hold.
    pub(crate) fn read(expressions: &[Expression]) -> Result<Vec<Self>, SpecError> {
        let mut reader = Reader { tests: 0 };
        expressions.iter().map(|expression| reader.read(expression, 0)).collect()
    }

    /// The tests of dimensions, in the order in which they stand.
    pub(crate) fn tests(&self) -> Vec<&Filter> {
        match self {
            Self::Test(filter) => vec![filter],
            Self::All(trees) | Self::Any(trees) => trees.iter().flat_map(Self::tests).collect(),
            Self::Not(tree) => tree.tests(),
        }
    }

    /// Whether only mail to mailbox providers passes that tell nobody of complaints.
    pub(crate) fn is_silent(&self) -> bool {
        self.leaves_silent(true)
    }

    /// The same of what passes, or of what does not.
    fn leaves_silent(&self, passes: bool) -> bool {
        let silent = |name: &String| reports_complaints(name) == Some(false);
        match self {
            Self::Test(Filter { dimension: Dimension::MailboxProvider, test }) => match test {
                Test::Is(name) => passes && silent(name),
                Test::IsNot(name) => !passes && silent(name),
                Test::In(names) => passes && names.iter().all(silent),
                Test::NotIn(names) => !passes && names.iter().all(silent),
                Test::Contains(_) | Test::StartsWith(_) => false,
            },
            Self::Test(_) => false,
            // What does not pass all fails one of them, as De Morgan says.
            Self::All(trees) if passes => trees.iter().any(|tree| tree.leaves_silent(passes)),
            Self::Any(trees) if !passes => trees.iter().any(|tree| tree.leaves_silent(passes)),
            Self::All(trees) | Self::Any(trees) => trees.iter().all(|tree| tree.leaves_silent(passes)),
            Self::Not(tree) => tree.leaves_silent(!passes),
        }
    }
}

struct Reader {
    /// How many tests were read: errors name the place of theirs.
    tests: usize,
}

impl Reader {
    fn read(&mut self, expression: &Expression, depth: usize) -> Result<Tree, SpecError> {
        match expression {
            Expression::Text(text) => self.test(|| Filter::parse(text)),
            Expression::Node(node) => self.node(node, depth),
        }
    }

    fn node(&mut self, node: &Node, depth: usize) -> Result<Tree, SpecError> {
        if node.segment.is_some() {
            return Err(
                self.wrong("can name no segment here: write what it stands for, or `segment` alone, in a report")
            );
        }
        let Node { all, any, not, dimension, .. } = node;
        let tests = tests(node);
        match (all, any, not, dimension, tests.as_slice()) {
            (Some(all), None, None, None, []) => Ok(Tree::All(self.list("all", all, depth)?)),
            (None, Some(any), None, None, []) => Ok(Tree::Any(self.list("any", any, depth)?)),
            (None, None, Some(not), None, []) => {
                self.enter(depth)?;
                Ok(Tree::Not(Box::new(self.read(not, depth + 1)?)))
            }
            (None, None, None, Some(dimension), [(op, value)]) => self.test(|| Filter::of(dimension, op, *value)),
            _ => Err(self.wrong(
                "must have either one of all, any and not, or a dimension and one of is, is_not, in, not_in, contains and starts_with",
            )),
        }
    }

    fn list(&mut self, name: &str, expressions: &[Expression], depth: usize) -> Result<Vec<Tree>, SpecError> {
        self.enter(depth)?;
        if expressions.is_empty() {
            return Err(self.wrong(&format!("has an empty `{name}`: put a filter into it, or leave it out")));
        }
        expressions.iter().map(|expression| self.read(expression, depth + 1)).collect()
    }

    fn enter(&self, depth: usize) -> Result<(), SpecError> {
        if depth < DEEPEST {
            return Ok(());
        }
        Err(self.wrong(&format!("stands more than {DEEPEST} deep in all, any and not: make the tree flatter")))
    }

    fn test(&mut self, read: impl FnOnce() -> Result<Filter, String>) -> Result<Tree, SpecError> {
        self.tests += 1;
        if self.tests > MOST_TESTS {
            return Err(SpecError::TooMany { parameter: "filter", limit: MOST_TESTS });
        }
        read().map(Tree::Test).map_err(|problem| SpecError::Filter { number: self.tests, problem })
    }

    /// An error of what stands before or around the next test.
    fn wrong(&self, problem: &str) -> SpecError {
        SpecError::Filter { number: self.tests + 1, problem: problem.to_owned() }
    }
}

/// What a document tests a dimension with.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Operand<'a> {
    /// A text.
    Text(&'a str),
    /// A list of values.
    List(&'a [String]),
}

/// The operators that a document names, each with what it compares with.
fn tests(node: &Node) -> Vec<(&'static str, Operand<'_>)> {
    let texts =
        [("is", &node.is), ("is_not", &node.is_not), ("contains", &node.contains), ("starts_with", &node.starts_with)];
    let lists = [("in", &node.one_of), ("not_in", &node.not_in)];
    let texts = texts.into_iter().filter_map(|(op, text)| Some((op, Operand::Text(text.as_deref()?))));
    let lists = lists.into_iter().filter_map(|(op, list)| Some((op, Operand::List(list.as_deref()?))));
    texts.chain(lists).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(document: &str) -> Result<Vec<Tree>, SpecError> {
        let request = format!(r#"{{"filter":{document}}}"#);
        Tree::read(&crate::from_json::<crate::SummaryRequest>(request.as_bytes())?.filter)
    }

    fn silent(document: &str) -> bool {
        read(document).unwrap().iter().any(Tree::is_silent)
    }

    #[test]
    fn a_document_tests_what_a_text_tests() {
        for (document, text) in [
            (r#"{"dimension":"subject","is":"Re: a|b"}"#, "subject:is:Re: a|b"),
            (r#"{"dimension":"field:payer","is_not":"(none)"}"#, "field:payer:is_not:"),
            (
                r#"{"dimension":"recipient_domain","in":["Bücher.example","(none)"]}"#,
                "recipient_domain:in:Bücher.example|",
            ),
            (r#"{"dimension":"campaign","not_in":["a|b","\\"]}"#, r"campaign:not_in:a\|b|\\"),
            (r#"{"dimension":"sender","contains":"ACME"}"#, "sender:contains:acme"),
            (r#"{"dimension":"sender","starts_with":"News@"}"#, "sender:starts_with:news@"),
        ] {
            let text = Filter::parse(text).unwrap();
            assert_eq!(read(document), Ok(vec![Tree::Test(text.clone())]), "{document}");
            assert_eq!(read(&format!("[{document}]")), Ok(vec![Tree::Test(text)]));
        }
    }

    #[test]
    fn trees_are_read_with_texts_and_documents_in_any_place() {
        let tree =
            read(r#"{"any":["subject:is:x",{"not":{"all":["subject:is:y",{"dimension":"campaign","is":"z"}]}}]}"#);
        let test = |text| Tree::Test(Filter::parse(text).unwrap());
        let all = Tree::All(vec![test("subject:is:y"), test("campaign:is:z")]);
        assert_eq!(tree, Ok(vec![Tree::Any(vec![test("subject:is:x"), Tree::Not(Box::new(all))])]));
        assert_eq!(read("null"), Ok(Vec::new()));
        assert_eq!(read("[]"), Ok(Vec::new()));
    }

    #[test]
    fn what_is_no_tree_is_refused_with_its_place_and_what_to_change() {
        for (document, words) in [
            (r#"{"any":[]}"#, "number 1 has an empty `any`"),
            (r#"["subject:is:x",{"all":[]}]"#, "number 2 has an empty `all`"),
            (r#"["subject:is:x",{}]"#, "number 2 must have either"),
            (r#"{"all":["subject:is:x"],"any":["subject:is:x"]}"#, "must have either"),
            (r#"{"dimension":"subject"}"#, "must have either"),
            (r#"{"is":"x"}"#, "must have either"),
            (r#"{"dimension":"subject","is":"x","is_not":"y"}"#, "must have either"),
            (r#"{"dimension":"topic","is":"x"}"#, "there is no dimension"),
            (r#"{"dimension":"subject","contains":""}"#, "needs a text"),
            (r#"{"dimension":"subject","in":[]}"#, "needs a value"),
            (r#"{"any":["subject:is:x",{"not":"subject"}]}"#, "number 2 must have the form"),
            (r#"{"nor":["subject:is:x"]}"#, "unknown field `nor`"),
            (r#"{"dimension":"subject","in":"x"}"#, "expected a sequence"),
            ("[5]", "a text or an object"),
        ] {
            let error = read(document).unwrap_err().to_string();
            assert!(error.contains(words), "{document}: {error}");
        }
    }

    #[test]
    fn trees_have_limits_of_depth_and_size() {
        let deep = |depth| format!("{}\"subject:is:x\"{}", r#"{"not":"#.repeat(depth), "}".repeat(depth));
        assert!(read(&deep(DEEPEST)).is_ok());
        assert!(read(&deep(DEEPEST + 1)).unwrap_err().to_string().contains("flatter"));
        assert_eq!(read(&deep(100_000)).unwrap_err().parameter(), "request");
        let wide = |tests: usize| format!(r#"{{"any":["subject:is:x"{}]}}"#, r#","subject:is:y""#.repeat(tests - 1));
        assert!(read(&wide(MOST_TESTS)).is_ok());
        assert_eq!(
            read(&format!("[{},{0}]", wide(MOST_TESTS / 2 + 1))),
            Err(SpecError::TooMany { parameter: "filter", limit: MOST_TESTS })
        );
        let long = format!(r#"{{"dimension":"subject","in":["{}"]}}"#, "x".repeat(40_000));
        assert!(read(&long).unwrap_err().to_string().contains("shorten"));
    }

    #[test]
    fn the_spam_rate_is_unknown_where_only_silent_providers_pass() {
        for (document, unknown) in [
            (r#"{"any":["mailbox_provider:is:gmail","mailbox_provider:is:apple"]}"#, true),
            (r#"{"any":["mailbox_provider:is:gmail","subject:is:x"]}"#, false),
            (r#"{"all":["mailbox_provider:is:gmail","subject:is:x"]}"#, true),
            (r#"{"not":"mailbox_provider:is:gmail"}"#, false),
            (r#"{"not":"mailbox_provider:not_in:gmail|apple"}"#, true),
            (r#"{"not":{"any":["subject:is:x","mailbox_provider:is_not:gmail"]}}"#, true),
            (r#"{"not":{"all":["subject:is:x","mailbox_provider:is_not:gmail"]}}"#, false),
        ] {
            assert_eq!(silent(document), unknown, "{document}");
        }
    }
}
