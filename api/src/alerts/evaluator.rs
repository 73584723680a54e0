//! The evaluator: one pass over all accounts, under the lease that makes it the only one.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicI64, Ordering},
};

use query::{
    Filter, Range, Test,
    alert::{
        self, Change, Contributor, Moment, Pair, Question, Rule, Severity, Sight, State, Transition, Watch, Window,
    },
};
use schema::{AccountId, ClickHouse, Dimension, Measures, Millis};

use super::{
    Alerts,
    decision::{Scene, Told, forgotten},
    pass::{Answers, Questions, looked},
    rules::{self, AccountRule},
};
use crate::{
    metadata::{
        MetadataError,
        alerts::{MaintenanceRow, Term},
    },
    problem::map::{cause_of, passes_by_itself},
};

/// What evaluators of one store compete for.
const LEASE: &str = "alerts";
/// How long the lease lasts, in milliseconds: an evaluator that died is replaced after that.
const LEASE_FOR: i64 = 30_000;
/// How many alerts of an account are counted again in one pass, and for how many the contributors are looked up.
const MOST_RECOUNTS: usize = 200;
const MOST_CONTRIBUTIONS: usize = 50;
/// How many contributors are told.
const CONTRIBUTORS: usize = 3;
/// How many decisions come true in one transaction.
const AT_ONCE: usize = 500;
/// The day of an observation counts for so many days at least.
const OBSERVED_FOR: i64 = 3 * 86_400_000;

const HOUR: i64 = 3_600_000;
/// How long the history is kept, and letters that were delivered or given up, in milliseconds.
const KEEP_HISTORY: i64 = 400 * 24 * HOUR;
const KEEP_LETTERS: i64 = 30 * 24 * HOUR;

/// What a pass saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Passed {
    /// How many alerts fire, by severity.
    pub(crate) firing: [u64; Severity::ALL.len()],
    /// Whether every rule was evaluated.
    pub(crate) complete: bool,
}

/// Evaluates the rules of all accounts.
pub(crate) struct Evaluator {
    alerts: Alerts,
    clickhouse: ClickHouse,
    limits: query::Limits,
    /// Tells this evaluator from those of other services.
    holder: String,
    /// When it forgot last what is long over.
    forgot: AtomicI64,
}

/// By rule and value, what is counted today in the window that an alert fired for, and in the one compared with.
type Recounts = HashMap<String, HashMap<String, (Measures, Measures)>>;

/// A rule with all that its evaluation needs.
struct Due {
    account_rule: AccountRule,
    rule: Rule,
    pairs: Vec<Pair>,
}

impl Due {
    fn new(account_rule: AccountRule, rule: Rule, as_of: Millis) -> Self {
        let pairs = if rule.watch == Watch::ObservedSpamRate { Vec::new() } else { rule.questions(as_of) };
        Self { account_rule, rule, pairs }
    }
}

impl Evaluator {
    /// Of this service.
    pub(crate) fn new(alerts: Alerts, clickhouse: ClickHouse, limits: query::Limits) -> Self {
        Self {
            alerts,
            clickhouse,
            limits,
            holder: format!("{:016x}", rand::random::<u64>()),
            forgot: AtomicI64::new(0),
        }
    }

    /// One pass, in which everything acknowledged before `as_of` is counted; `None` while another service evaluates.
    ///
    /// # Errors
    /// When the store does not answer: what was decided before stands, the rest is decided by the next pass.
    pub(crate) async fn pass(&self, as_of: impl Fn() -> Millis) -> Result<Option<Passed>, MetadataError> {
        let metadata = self.alerts.metadata();
        let mut passed = Passed { firing: Default::default(), complete: true };
        if self.term().await?.is_none() {
            return Ok(None);
        }
        for account in metadata.accounts().await? {
            // Renewed for each account: a pass over many of them may take long.
            let Some(term) = self.term().await? else { return Ok(None) };
            if !self.account(&term, &account, as_of(), &mut passed).await? {
                return Ok(None);
            }
        }
        self.forget().await?;
        Ok(Some(passed))
    }

    /// Once an hour, forgets what is long over.
    async fn forget(&self) -> Result<(), MetadataError> {
        let now = self.alerts.clock().now();
        if (0..HOUR).contains(&(now.0 - self.forgot.load(Ordering::Relaxed))) {
            return Ok(());
        }
        self.forgot.store(now.0, Ordering::Relaxed);
        let (history, letters) = (Millis(now.0 - KEEP_HISTORY), Millis(now.0 - KEEP_LETTERS));
        self.alerts.metadata().forget_alerts(history, letters).await
    }

    /// Lets others evaluate at once.
    pub(crate) async fn release(&self) {
        if let Ok(Some(term)) = self.term().await {
            // Otherwise the lease runs out by itself.
            let _ = self.alerts.metadata().release(&term).await;
        }
    }

    async fn term(&self) -> Result<Option<Term>, MetadataError> {
        self.alerts.metadata().lease(LEASE, &self.holder, self.alerts.clock().now(), LEASE_FOR).await
    }

    /// Evaluates an account; false when the lease was lost.
    async fn account(
        &self,
        term: &Term,
        account: &AccountId,
        as_of: Millis,
        passed: &mut Passed,
    ) -> Result<bool, MetadataError> {
        let metadata = self.alerts.metadata();
        let now = self.alerts.clock().now();
        let (mut due, mut gone) = (Vec::new(), HashMap::new());
        for account_rule in rules::of(metadata, account).await? {
            match account_rule.judged() {
                Some(rule) => due.push(Due::new(account_rule, rule, as_of)),
                None => drop(gone.insert(account_rule.id.clone(), account_rule)),
            }
        }
        let maintenance = metadata.maintenance(account, now).await?;
        let mut states: HashMap<String, State> = HashMap::new();
        for row in metadata.alert_states(account).await? {
            states.entry(row.rule).or_default().insert(row.value, row.alert);
        }
        let observed = self.observed(account, &due, now).await?;
        let link = self.alerts.link();
        let scene = Scene { account, channels: metadata.channels(account).await?, as_of, link };

        let mut questions = Questions::default();
        for rule in &due {
            for pair in &rule.pairs {
                questions.add(pair, rule.rule.measures());
            }
        }
        let answers = questions.ask(&self.clickhouse, account, as_of, &self.limits).await;
        if let Some(error) = &answers.error {
            passed.complete = false;
            let (account, cause) = (account.as_str(), cause_of(error));
            if passes_by_itself(error) {
                tracing::debug!(account, cause, "alert rules cannot be evaluated now");
            } else {
                tracing::warn!(account, cause, "an alert rule cannot be evaluated");
            }
        }
        let counts = answers.counts();
        let mut seen: Vec<(&Due, Vec<alert::Looked<'_>>, State)> = Vec::new();
        for rule in &due {
            let state = states.remove(&rule.account_rule.id).unwrap_or_default();
            match looked(&rule.pairs, &counts) {
                Some(windows) => seen.push((rule, windows, state)),
                // Without an answer everything stays as it is.
                None => count_firing(passed, &rule.rule, &state),
            }
        }
        let again = self.recount(&scene, &seen, &observed).await;

        let mut decisions = Vec::new();
        let mut contributions = 0;
        for (due, windows, state) in seen {
            let moment = Moment { now, quiet: is_quiet(&due.account_rule, &maintenance, now) };
            let recount = |value: &str| again.get(&due.account_rule.id)?.get(value).copied();
            let sight = sight(&due.rule, &windows, &observed);
            let (next, transitions) = alert::evaluate(&due.rule, sight, recount, state, moment);
            count_firing(passed, &due.rule, &next);
            for transition in transitions {
                let most = self.contributors(&scene, due, &transition, &mut contributions).await;
                let next = next.get(&transition.value).copied();
                let told = Told { rule: Some(&due.rule), next, contributors: most, number: decisions.len() };
                decisions.push(scene.decision(&due.account_rule, &transition, told));
            }
        }
        for (id, state) in states {
            let account_rule = gone.remove(&id).unwrap_or_else(|| forgotten(id));
            for transition in alert::withdraw(state, now) {
                let told = Told { rule: None, next: None, contributors: Vec::new(), number: decisions.len() };
                decisions.push(scene.decision(&account_rule, &transition, told));
            }
        }
        for part in decisions.chunks(AT_ONCE) {
            if !metadata.decide(term, account, part, now).await? {
                return Ok(false);
            }
        }
        if decisions.iter().any(|decision| !decision.letters.is_empty()) {
            self.alerts.wake();
        }
        Ok(true)
    }

    /// The latest observed rate of each domain, by rules' windows the longest; nothing when no rule watches them.
    async fn observed(
        &self,
        account: &AccountId,
        due: &[Due],
        now: Millis,
    ) -> Result<HashMap<String, (Range, f64)>, MetadataError> {
        let watching = due.iter().filter(|due| due.rule.watch == Watch::ObservedSpamRate);
        let windows = watching.flat_map(|due| &due.rule.windows);
        let Some(longest) = windows.map(|window| observed_for(*window)).max() else { return Ok(HashMap::new()) };
        let first = Millis(now.0 - longest).to_datetime().unwrap_or_default().date_naive();
        let mut latest = HashMap::new();
        // From the oldest day on, so that the latest stays; of several sources, the last by name.
        for row in self.alerts.metadata().observations(account, &first.to_string()).await? {
            let Ok(day) = row.day.parse::<chrono::NaiveDate>() else { continue };
            let from = u32::try_from(day.and_time(chrono::NaiveTime::MIN).and_utc().timestamp()).unwrap_or_default();
            latest.insert(row.domain, (Range { from, to: from.saturating_add(86_400) }, row.rate));
        }
        Ok(latest)
    }

    /// What is counted today in the windows of alerts that fire and do not pass any more.
    async fn recount(
        &self,
        scene: &Scene<'_>,
        seen: &[(&Due, Vec<alert::Looked<'_>>, State)],
        observed: &HashMap<String, (Range, f64)>,
    ) -> Recounts {
        let mut asked: Vec<(&str, String, Pair)> = Vec::new();
        let mut questions = Questions::default();
        for (due, windows, state) in seen {
            if due.rule.watch == Watch::ObservedSpamRate {
                continue;
            }
            for (value, range) in alert::doubtful(&due.rule, sight(&due.rule, windows, observed), state) {
                if asked.len() < MOST_RECOUNTS {
                    let pair = due.rule.recount(&value, range);
                    questions.add(&pair, due.rule.measures());
                    asked.push((&due.account_rule.id, value, pair));
                }
            }
        }
        let mut recounts = Recounts::new();
        if asked.is_empty() {
            return recounts;
        }
        let answers = questions.ask(&self.clickhouse, scene.account, scene.as_of, &self.limits).await;
        for (rule, value, pair) in asked {
            if let Some(totals) = totals(&answers, &pair) {
                recounts.entry(rule.to_owned()).or_default().insert(value, totals);
            }
        }
        recounts
    }

    /// The values that contribute most to what is told of now.
    async fn contributors(
        &self,
        scene: &Scene<'_>,
        due: &Due,
        transition: &Transition,
        told: &mut usize,
    ) -> Vec<Contributor> {
        let tells = matches!(transition.change, Change::Fired | Change::Told | Change::Reminded);
        let Some(evidence) = transition.evidence.filter(|_| tells && *told < MOST_CONTRIBUTIONS) else {
            return Vec::new();
        };
        if due.pairs.is_empty() {
            return Vec::new();
        }
        *told += 1;
        let mut filters = due.rule.filters.clone();
        let own = due.rule.by.clone().map(|dimension| Filter { dimension, test: Test::Is(transition.value.clone()) });
        filters.extend(own);
        let mut questions = Questions::default();
        for dimension in [Dimension::Campaign, Dimension::Subject, Dimension::RecipientDomain] {
            if due.rule.by.as_ref() != Some(&dimension) {
                let question = Question {
                    range: evidence.range,
                    basis: due.rule.basis,
                    filters: filters.clone(),
                    by: Some(dimension),
                };
                questions.add_one(&question, due.rule.measures());
            }
        }
        let splits = questions.ask(&self.clickhouse, scene.account, scene.as_of, &self.limits).await.into_reports();
        alert::contributors(&due.rule, &evidence, &splits, CONTRIBUTORS)
    }
}

fn sight<'a>(rule: &Rule, windows: &'a [alert::Looked<'a>], observed: &'a HashMap<String, (Range, f64)>) -> Sight<'a> {
    if rule.watch == Watch::ObservedSpamRate { Sight::Observed(observed) } else { Sight::Counted(windows) }
}

fn is_quiet(rule: &AccountRule, maintenance: &[MaintenanceRow], now: Millis) -> bool {
    rule.muted_until.is_some_and(|until| now < until) || maintenance.iter().any(|window| window.covers(&rule.id, now))
}

fn count_firing(passed: &mut Passed, rule: &Rule, state: &State) {
    let count = state.values().filter(|alert| alert.phase == alert::Phase::Firing).count();
    passed.firing[rule.severity as usize] += count as u64;
}

fn totals(answers: &Answers, pair: &Pair) -> Option<(Measures, Measures)> {
    let earlier = match &pair.earlier {
        Some(question) => *answers.get(question)?.total(),
        None => Measures::default(),
    };
    Some((*answers.get(&pair.current)?.total(), earlier))
}

/// How far back the day of an observation may lie. Rates are told a day or two late.
fn observed_for(window: Window) -> i64 {
    match window {
        Window::Rolling(minutes) => minutes.millis().max(OBSERVED_FOR),
        Window::Today => OBSERVED_FOR,
    }
}
