//! Alerts as pure functions: what a rule watches, whether a report passes it, and how an alert lives.
//!
//! The way of an evaluation, each step a module, none of which does I/O:
//!
//! 1. **request** – a rule as its author writes it ([`RuleRequest`]), and **rule** – the same, judged: a [`Rule`];
//! 2. **question** – which sums the rule needs at a moment ([`Question`]): rules that ask the same share one report;
//! 3. **counts** – a report by the value of the watched dimension ([`Counts`]);
//! 4. **finding** – what one value's numbers say of the rule ([`Finding`]), by the intervals of `statistics`;
//! 5. **evaluate** – from (rule, counts, state, moment) to the next state and the [`Transition`]s on the way there (**state**).
//!
//! **excess** tells who contributes most to what is too much, and **defaults** are the rules that every account has.

mod counts;
mod defaults;
mod evaluate;
mod excess;
mod finding;
mod question;
mod request;
mod rule;
mod span;
mod state;
#[cfg(test)]
mod tests;

pub use crate::statistics::Confidence;
pub use counts::Counts;
pub use defaults::{DEFAULTS, DefaultRule};
pub use evaluate::{Looked, Moment, REMIND_AFTER, Sight, doubtful, evaluate, withdraw};
pub use excess::{Contributor, contributors};
pub use finding::{Earlier, Finding, Numbers, Verdict, judge, judge_observed};
pub use question::{Pair, Question};
pub use request::{BeforeName, ChangeRequest, ConditionRequest, FBL_SPAM_RATE, RuleRequest};
pub use rule::{Before, Condition, HYSTERESIS, Rule, Severity, Watch, Window};
pub use span::Minutes;
pub use state::{Alert, Change, Evidence, Phase, Reason, State, Transition};
