//! What a caller asks, as texts: a query string or a JSON document.

use crate::{Kind, ReportSpec, SpecError, common::requests, request::scalar, spec::limit};

/// Requests of these reports.
macro_rules! of_groups {
    ($($(#[$meta:meta])* $name:ident { $($own:tt)* })+) => {
        requests! { $(
            $(#[$meta])*
            $name with total {
                $($own)*
                /// Which clock counts: `sent` (default), when the delivery was sent, or `event`, when the thing happened.
                #[serde(default, skip_serializing_if = "Option::is_none")]
                #[param(example = "sent")]
                #[schema(example = "sent")]
                pub basis: Option<String>,
                /// The most rows to show; what is not shown is summed up in `remainder`. Default: 50.
                #[serde(default, deserialize_with = "scalar", skip_serializing_if = "Option::is_none")]
                #[param(value_type = Option<u32>, minimum = 1, maximum = 10_000)]
                #[schema(value_type = Option<u32>, minimum = 1, maximum = 10_000)]
                pub limit: Option<String>,
            }
        )+ }

        $(impl $name {
            /// The deliveries that are looked at, and how many rows are shown.
            pub(super) fn frame(&self) -> Result<(ReportSpec, u32), SpecError> {
                let frame = ReportSpec::over(Kind::Summary, &self.common(), self.basis.as_deref())?;
                Ok((frame, limit(self.limit.as_deref(), 50)?))
            }
        })+
    };
}

of_groups! {
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
        /// Whether it says by which method messages were secured, each by that of its earliest evidence.
        /// Default: false.
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
