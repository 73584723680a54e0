//! What the requests of all reports have in common: which messages, and how the answer is shown. Each of these parameters is written and
//! documented here once; a report adds its own.

use crate::Expression;

/// Requests: structs of texts with the parameters that every report takes, about those of its own. `with total` is for what can end with
/// a total.
macro_rules! requests {
    ($($(#[$meta:meta])* $name:ident $(with $total:ident)? { $($own:tt)* })+) => { $(
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema, utoipa::IntoParams)]
        #[serde(deny_unknown_fields)]
        #[into_params(parameter_in = Query)]
        pub struct $name {
            /// Where the report begins: an RFC 3339 time on a quarter of an hour, or a local date in `tz`.
            #[serde(default)]
            #[param(required, example = "2026-11-01")]
            #[schema(required, example = "2026-11-01")]
            pub from: String,
            /// Where the report ends, exclusive: written as `from` is.
            #[serde(default)]
            #[param(required, example = "2026-11-08")]
            #[schema(required, example = "2026-11-08")]
            pub to: String,
            /// The time zone, an IANA name. Default: UTC.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[param(example = "America/New_York")]
            #[schema(example = "America/New_York")]
            pub tz: Option<String>,
            /// `DIM:OP:VALUE`, repeatable; all must hold. OP is `is`, `is_not`, `in` or `not_in` (values separated by `|`), `contains`
            /// or `starts_with`. VALUE may hold colons; in lists, `\|` is a `|` and `\\` a `\`; the empty value is `(none)`, those beyond
            /// the limit of a day are `(other)`. A document takes trees of `all`, `any` and `not`, too.
            #[serde(default, deserialize_with = "crate::expression::several", skip_serializing_if = "Vec::is_empty")]
            #[param(required = false, value_type = Vec<String>, example = json!(["mailbox_provider:is:gmail"]))]
            #[schema(required = false, value_type = crate::expression::Filters)]
            pub filter: Vec<crate::Expression>,
            /// Saved filters by their names, separated by commas; repeatable. What all of them stand for must hold beside `filter`.
            #[serde(default, deserialize_with = "crate::segment::names", skip_serializing_if = "Vec::is_empty")]
            #[param(required = false, example = json!(["visits"]))]
            #[schema(required = false, example = json!(["visits"]))]
            pub segment: Vec<String>,
            $($own)*
            /// `json`, `csv`, `ndjson`, `xlsx`, `parquet`, `png` or `svg`. Default: what the Accept header prefers.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[param(example = "json")]
            #[schema(example = "json")]
            pub format: Option<String>,
            $(
                /// CSV, NDJSON, XLSX and Parquet: whether the total is the last row. Default: false.
                #[serde(default, deserialize_with = "crate::request::scalar", skip_serializing_if = "Option::is_none")]
                #[param(value_type = Option<bool>)]
                #[schema(value_type = Option<bool>)]
                pub $total: Option<String>,
            )?
            /// PNG and SVG: the width in pixels. Default: 1200.
            #[serde(default, deserialize_with = "crate::request::scalar", skip_serializing_if = "Option::is_none")]
            #[param(value_type = Option<u32>, minimum = 320, maximum = 4096)]
            #[schema(value_type = Option<u32>, minimum = 320, maximum = 4096)]
            pub width: Option<String>,
            /// PNG and SVG: the height in pixels. Default: 675.
            #[serde(default, deserialize_with = "crate::request::scalar", skip_serializing_if = "Option::is_none")]
            #[param(value_type = Option<u32>, minimum = 240, maximum = 4096)]
            #[schema(value_type = Option<u32>, minimum = 240, maximum = 4096)]
            pub height: Option<String>,
            /// PNG and SVG: `light` (default) or `dark`.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[param(example = "light")]
            #[schema(example = "light")]
            pub theme: Option<String>,
        }

        impl $name {
            /// Which messages.
            pub(crate) fn common(&self) -> crate::common::Common<'_> {
                crate::common::Common {
                    from: &self.from,
                    to: &self.to,
                    tz: self.tz.as_deref(),
                    filter: &self.filter,
                    segment: &self.segment,
                }
            }

            /// How the answer is to be shown.
            ///
            /// # Errors
            /// Names the parameter and what to change.
            pub fn presentation(&self) -> Result<crate::Presentation, crate::SpecError> {
                crate::Presentation::new(
                    self.format.as_deref(),
                    None::<&str>$(.or(self.$total.as_deref()))?,
                    self.width.as_deref(),
                    self.height.as_deref(),
                    self.theme.as_deref(),
                )
            }
        }

        impl crate::Segmented for $name {
            fn segments(&mut self) -> crate::Segments<'_> {
                crate::Segments { filter: &mut self.filter, segment: &mut self.segment }
            }
        }
    )+ };
}

pub(crate) use requests;

/// Which messages a report is about, as texts; [`ReportSpec::over`](crate::ReportSpec::over) judges them.
pub(crate) struct Common<'a> {
    pub(crate) from: &'a str,
    pub(crate) to: &'a str,
    pub(crate) tz: Option<&'a str>,
    pub(crate) filter: &'a [Expression],
    pub(crate) segment: &'a [String],
}
