//! Rates: quotients of two measures (METRICS.md, "Rates"). Computed last, never stored, never averaged.

use crate::{Measure, Measures};

macro_rules! rates {
    ($($(#[$doc:meta])* $variant:ident = $name:literal: $numerator:ident / $denominator:ident,)+) => {
        /// A quotient of two measures.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Rate { $($(#[$doc])* $variant,)+ }

        impl Rate {
            /// All rates, in the order in which reports show them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name in the API.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// The rate of that name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)+ _ => None }
            }

            /// What is counted.
            #[must_use]
            pub const fn numerator(self) -> Measure {
                match self { $(Self::$variant => Measure::$numerator,)+ }
            }

            /// What it is counted among.
            #[must_use]
            pub const fn denominator(self) -> Measure {
                match self { $(Self::$variant => Measure::$denominator,)+ }
            }
        }
    };
}

rates! {
    /// How much arrived.
    DeliveryRate = "delivery_rate": Delivered / Queued,
    /// How much failed.
    FailureRate = "failure_rate": Failed / Queued,
    /// How much is in the queue still.
    PendingRate = "pending_rate": Pending / Queued,
    /// How much went encrypted.
    SecuredRate = "secured_rate": Secured / Queued,
    /// How much of what arrived was opened by a person.
    OpenRate = "open_rate": Opened / Delivered,
    /// Click-through rate: how much of what arrived was clicked in.
    Ctr = "ctr": Clicked / Delivered,
    /// Click-to-open rate: how much of what was opened was clicked in.
    Ctor = "ctor": Clicked / Opened,
    /// How much of what arrived was reported as spam; mailbox providers draw a line at 0.003.
    SpamRate = "spam_rate": Complained / Delivered,
    /// How much of what arrived made its reader unsubscribe.
    UnsubscribeRate = "unsubscribe_rate": Unsubscribed / Delivered,
}

impl Rate {
    /// The rate as a fraction; `None` when its denominator is 0.
    #[must_use]
    pub fn of(self, measures: &Measures) -> Option<f64> {
        match measures[self.denominator()] {
            0 => None,
            denominator => Some(measures[self.numerator()] as f64 / denominator as f64),
        }
    }
}
