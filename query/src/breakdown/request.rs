//! What a caller asks, as texts: a query string or a JSON document.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{Expression, Presentation, SpecError, request::scalar};

macro_rules! requests {
    ($($(#[$meta:meta])* $name:ident { $($own:tt)* })+) => { $(
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema, IntoParams)]
        #[serde(deny_unknown_fields)]
        #[into_params(parameter_in = Query)]
        pub struct $name {
            $($own)*
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
            /// Which clock counts: `sent` (default), when the delivery was sent, or `event`, when the thing happened.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[param(example = "sent")]
            #[schema(example = "sent")]
            pub basis: Option<String>,
            /// `DIM:OP:VALUE`, repeatable; all must hold. As in a split; a document takes trees of `all`, `any` and `not`, too.
            #[serde(default, deserialize_with = "crate::expression::several", skip_serializing_if = "Vec::is_empty")]
            #[param(required = false, value_type = Vec<String>, example = json!(["mailbox_provider:is:gmail"]))]
            #[schema(required = false, value_type = crate::expression::Filters)]
            pub filter: Vec<Expression>,
            /// Saved filters by their names, separated by commas; repeatable. What all of them stand for must hold beside `filter`.
            #[serde(default, deserialize_with = "crate::segment::names", skip_serializing_if = "Vec::is_empty")]
            #[param(required = false, example = json!(["visits"]))]
            #[schema(required = false, example = json!(["visits"]))]
            pub segment: Vec<String>,
            /// The most rows to show; what is not shown is summed up in `remainder`. Default: 50.
            #[serde(default, deserialize_with = "scalar", skip_serializing_if = "Option::is_none")]
            #[param(value_type = Option<u32>, minimum = 1, maximum = 10_000)]
            #[schema(value_type = Option<u32>, minimum = 1, maximum = 10_000)]
            pub limit: Option<String>,
            /// `json`, `csv` or `png`. Default: what the Accept header prefers.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[param(example = "json")]
            #[schema(example = "json")]
            pub format: Option<String>,
            /// CSV: whether the total is the last row. Default: false.
            #[serde(default, deserialize_with = "scalar", skip_serializing_if = "Option::is_none")]
            #[param(value_type = Option<bool>)]
            #[schema(value_type = Option<bool>)]
            pub total: Option<String>,
            /// PNG: the width in pixels. Default: 1200.
            #[serde(default, deserialize_with = "scalar", skip_serializing_if = "Option::is_none")]
            #[param(value_type = Option<u32>, minimum = 320, maximum = 4096)]
            #[schema(value_type = Option<u32>, minimum = 320, maximum = 4096)]
            pub width: Option<String>,
            /// PNG: the height in pixels. Default: 675.
            #[serde(default, deserialize_with = "scalar", skip_serializing_if = "Option::is_none")]
            #[param(value_type = Option<u32>, minimum = 240, maximum = 4096)]
            #[schema(value_type = Option<u32>, minimum = 240, maximum = 4096)]
            pub height: Option<String>,
            /// PNG: `light` (default) or `dark`.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[param(example = "light")]
            #[schema(example = "light")]
            pub theme: Option<String>,
        }

        impl $name {
            /// The parameters that each of these reports takes.
            pub(super) fn common(&self) -> Common<'_> {
                Common {
                    from: &self.from,
                    to: &self.to,
                    tz: self.tz.as_deref(),
                    basis: self.basis.as_deref(),
                    filter: &self.filter,
                    segment: &self.segment,
                    limit: self.limit.as_deref(),
                }
            }

            /// How the answer is to be shown.
            ///
            /// # Errors
            /// Names the parameter and what to change.
            pub fn presentation(&self) -> Result<Presentation, SpecError> {
                Presentation::new(
                    self.format.as_deref(),
                    self.total.as_deref(),
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

requests! {
    /// Why messages failed.
    FailuresRequest {
        /// What to group by: `class`, `status` (the enhanced status code that the server gave, else its reply code), `domain` (of the
        /// recipient) or `reason` (what the server said, with addresses, ids and numbers folded).
        #[serde(default)]
        #[param(required, example = "reason")]
        #[schema(required, example = "reason")]
        pub by: String,
        /// `failed`, `domains`, `first_at`, `last_at` or the name in `by` to sort the rows by, `-` before it for descending.
        /// Default: `-failed`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[param(example = "-failed")]
        #[schema(example = "-failed")]
        pub sort: Option<String>,
    }

    /// Which links were followed.
    LinksRequest {
        /// Only this campaign: the same as `filter=campaign:is:…`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[param(example = "autumn")]
        #[schema(example = "autumn")]
        pub campaign: Option<String>,
        /// Whether what follows a `?` or a `#` is left out of URLs: it tells recipients apart, not links. `false` needs a key of the role
        /// `admin`. Default: true.
        #[serde(default, deserialize_with = "scalar", skip_serializing_if = "Option::is_none")]
        #[param(value_type = Option<bool>, example = true)]
        #[schema(value_type = Option<bool>, example = true)]
        pub strip_query: Option<String>,
        /// `clicks`, `clicked`, `machine_clicks` or `url` to sort the rows by, `-` before it for descending. Default: `-clicks`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[param(example = "-clicks")]
        #[schema(example = "-clicks")]
        pub sort: Option<String>,
    }

    /// What left unencrypted.
    SecurityRequest {
        /// What to group by: `recipient_domain` (default) or `mailbox_provider`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[param(example = "recipient_domain")]
        #[schema(example = "recipient_domain")]
        pub by: Option<String>,
        /// Whether it says by which method messages were secured, each by that of its earliest evidence. It takes longer, for events have to
        /// be read. Default: false.
        #[serde(default, deserialize_with = "scalar", skip_serializing_if = "Option::is_none")]
        #[param(value_type = Option<bool>, example = true)]
        #[schema(value_type = Option<bool>, example = true)]
        pub methods: Option<String>,
        /// `unsecured`, `secured`, `delivered`, `queued`, `secured_rate` or the name in `by` to sort the rows by, `-` before it for
        /// descending. Default: `-unsecured`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[param(example = "-unsecured")]
        #[schema(example = "-unsecured")]
        pub sort: Option<String>,
    }
}

/// The parameters that each of these reports takes.
pub(super) struct Common<'a> {
    pub(super) from: &'a str,
    pub(super) to: &'a str,
    pub(super) tz: Option<&'a str>,
    pub(super) basis: Option<&'a str>,
    pub(super) filter: &'a [Expression],
    pub(super) segment: &'a [String],
    pub(super) limit: Option<&'a str>,
}
