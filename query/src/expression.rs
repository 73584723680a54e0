//! Filters as a caller writes them: `DIM:OP:VALUE`, or in a JSON document also trees of `all`, `any` and `not`. Nothing is judged here
//! but the names of the members.
//!
//! ```json
//! {"any": ["campaign:is:autumn", {"all": [{"dimension": "subject", "contains": "visit"}, {"not": "mailbox_provider:is:gmail"}]}]}
//! ```

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};
use utoipa::ToSchema;

/// A filter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = Filter, example = json!({"any": ["campaign:is:autumn", {"dimension": "subject", "contains": "visit"}]}))]
pub enum Expression {
    /// `DIM:OP:VALUE`, as in a query string.
    Text(String),
    /// A document.
    #[schema(no_recursion)]
    Node(Box<Node>),
}

/// A filter as a document: one of `all`, `any`, `not` and `segment`; or a `dimension` and one of `is`, `is_not`, `in`, `not_in`, `contains` and
/// `starts_with`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = FilterNode, example = json!({"dimension": "mailbox_provider", "in": ["gmail", "yahoo"]}))]
pub struct Node {
    /// Every one of these holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(no_recursion, min_items = 1)]
    pub all: Option<Vec<Expression>>,
    /// At least one of these holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(no_recursion, min_items = 1)]
    pub any: Option<Vec<Expression>>,
    /// This does not hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(no_recursion)]
    pub not: Option<Expression>,
    /// The dimension looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dimension: Option<String>,
    /// It has this value; `(none)` is the empty one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is: Option<String>,
    /// It has any value but this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_not: Option<String>,
    /// It has one of these values.
    #[serde(default, rename = "in", skip_serializing_if = "Option::is_none")]
    pub one_of: Option<Vec<String>>,
    /// It has none of these values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_in: Option<Vec<String>>,
    /// Its value has this text inside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contains: Option<String>,
    /// Its value begins with this text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_with: Option<String>,
    /// Alone, in a report: what the saved filter of this name stands for holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segment: Option<String>,
}

/// What the member `filter` takes: a filter, or a list of which all must hold.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = Filters, example = json!(["mailbox_provider:is:gmail"]))]
#[expect(dead_code, reason = "it says in the specification what `several` reads")]
pub(crate) enum Filters {
    /// One.
    One(Expression),
    /// All must hold.
    Several(Vec<Expression>),
}

impl<'de> Deserialize<'de> for Expression {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct One;
        impl<'de> Visitor<'de> for One {
            type Value = Expression;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a filter: a text or an object")
            }
            fn visit_str<E>(self, text: &str) -> Result<Expression, E> {
                Ok(Expression::Text(text.to_owned()))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Expression, A::Error> {
                Node::deserialize(MapAccessDeserializer::new(map)).map(|node| Expression::Node(Box::new(node)))
            }
        }
        deserializer.deserialize_any(One)
    }
}

/// Reads a filter, a list of filters, or none.
pub(crate) fn several<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Expression>, D::Error> {
    struct Several;
    impl<'de> Visitor<'de> for Several {
        type Value = Vec<Expression>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a filter or a list of filters")
        }
        fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
            Ok(vec![Expression::Text(text.to_owned())])
        }
        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(Vec::new())
        }
        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
            Expression::deserialize(MapAccessDeserializer::new(map)).map(|filter| vec![filter])
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let mut filters = Vec::new();
            while let Some(filter) = list.next_element()? {
                filters.push(filter);
            }
            Ok(filters)
        }
    }
    deserializer.deserialize_any(Several)
}
