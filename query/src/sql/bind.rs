//! Values beside the text: every value of a statement is a bound parameter.

use serde::{Serialize, Serializer};

/// A query and the values bound to its parameters.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sql {
    /// The text, with `{name:Type}` where a value belongs.
    pub(crate) text: String,
    /// The values by name.
    pub(crate) params: Vec<(String, Param)>,
}

/// A bound value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Param {
    /// A whole number.
    Number(i64),
    /// A text.
    Text(String),
    /// A list of texts.
    Texts(Vec<String>),
}

impl Serialize for Param {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(number) => serializer.serialize_i64(*number),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Texts(texts) => texts.serialize(serializer),
        }
    }
}

/// Collects the values while the text is written.
#[derive(Default)]
pub(super) struct Binder {
    params: Vec<(String, Param)>,
}

impl Binder {
    /// Binds a value; what stands for it in the text may stand there several times. A name stands for one value.
    pub(super) fn bind(&mut self, name: impl Into<String>, kind: &str, value: Param) -> String {
        let name = name.into();
        let placeholder = format!("{{{name}:{kind}}}");
        if !self.params.iter().any(|(known, _)| *known == name) {
            self.params.push((name, value));
        }
        placeholder
    }

    pub(super) fn number(&mut self, name: impl Into<String>, kind: &str, number: impl Into<i64>) -> String {
        self.bind(name, kind, Param::Number(number.into()))
    }

    pub(super) fn text(&mut self, name: impl Into<String>, text: &str) -> String {
        self.bind(name, "String", Param::Text(text.to_owned()))
    }

    pub(super) fn done(self, text: String) -> Sql {
        Sql { text, params: self.params }
    }
}
