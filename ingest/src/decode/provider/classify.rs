//! Why a delivery failed, from what providers tell: enhanced status codes (RFC 3463, RFC 5248), reply codes (RFC 5321), and words.
//!
//! A code that names its reason decides by itself. A code that says no more than "refused" lets the words decide, and decides where they say
//! nothing. Words come from strangers, so they are asked last and those of a refusal first: who takes a refusal for a bad
//! address stops writing to somebody who can be reached.
//!
//! | enhanced status | class | |
//! |---|---|---|
//! | 5.1.7, 5.1.8 | block | it is the sender's address that they do not like |
//! | 5.1.9 | other | the other side cannot take this kind of message |
//! | 5.1.x | hard | no such mailbox, no such domain, moved |
//! | 5.2.1 | hard | the mailbox is disabled |
//! | 5.2.2 | soft | the mailbox is full |
//! | 5.2.3, 5.2.4, 5.3.3, 5.3.4, 5.3.5, 5.6.x | other | this message is too long or of a kind that is not taken, or the list or system is set up wrongly |
//! | 5.3.1, 5.3.2 | soft | the system is full or down |
//! | 5.4.4, 5.4.310 | hard | the domain has no mail host, or does not exist |
//! | 5.4.6, 5.4.14 | other | a loop |
//! | 5.4.2 and above | soft | network, directory, congestion; 5.4.7: gave up |
//! | 5.7.17, 5.7.18 | hard | the mailbox or the domain has another owner now (RFC 7293) |
//! | x.7.x | block | policy, reputation, authentication |
//! | 4.2.2 | soft | whatever the words say |
//!
//! | otherwise | words | without telling words |
//! |---|---|---|
//! | 4.x.x, 4yz | block | soft |
//! | 5.0.x, 5.2.x | all | hard |
//! | 5.4.0, 5.4.1 | all | soft |
//! | 5.3.x, 5.5.x, others | all | other |
//! | 521, 550, 551, 553, 556 | all | hard |
//! | 552 | all | soft |
//! | 571 | all | block |
//! | 5yz | all | other |
//! | no code | all | other |

use std::borrow::Cow;

use schema::{EnhancedStatus, FailureClass, is_refusal, reply_code};

use super::draft::cut;

/// So much of a text is looked at; servers say the reason first.
const LOOKED_AT: usize = 1024;

/// The class of a failure. What is not given is looked for in the words, so that a text like `550 5.1.1 …` alone is enough.
pub(super) fn by_status(enhanced: Option<&str>, reply: Option<u16>, words: &str) -> FailureClass {
    let words = cut(Cow::Borrowed(words), LOOKED_AT);
    let reply = reply.filter(|code| is_refusal(*code)).or_else(|| reply_code(&words));
    let status =
        enhanced.and_then(|text| EnhancedStatus::find(text, None)).or_else(|| EnhancedStatus::find(&words, reply));
    if let Some(class) = status.and_then(precise) {
        return class;
    }
    let temporary = status.map_or(reply.is_some_and(|code| code < 500), |status| status.class == 4);
    let told = by_words(&words).filter(|class| !temporary || *class == FailureClass::Block);
    told.or_else(|| status.map(vague)).or_else(|| reply.map(by_reply)).unwrap_or(FailureClass::Other)
}

/// Whether the words say that nothing was sent because the address is on a suppression list.
pub(super) fn is_suppression(words: &str) -> bool {
    plain(&cut(Cow::Borrowed(words), LOOKED_AT)).contains(" suppress")
}

/// The class, where the code itself names the reason.
fn precise(status: EnhancedStatus) -> Option<FailureClass> {
    use FailureClass::{Block, Hard, Other, Soft};
    let class = match (status.class, status.subject, status.detail) {
        (_, 7, 17 | 18) => Hard,
        (_, 7, _) | (5, 1, 7 | 8) => Block,
        (5, 1, 9) | (5, 2, 3 | 4) | (5, 3, 3..=5) | (5, 4, 6 | 14) | (5, 6, _) => Other,
        (5, 1, _) | (5, 2, 1) | (5, 4, 4 | 310) => Hard,
        (_, 2, 2) | (5, 3, 1 | 2) | (5, 4, 2..) => Soft,
        _ => return None,
    };
    Some(class)
}

/// The class, where neither the code nor the words name a reason.
fn vague(status: EnhancedStatus) -> FailureClass {
    match (status.class, status.subject) {
        (4, _) | (_, 4) => FailureClass::Soft,
        (_, 0 | 2) => FailureClass::Hard,
        _ => FailureClass::Other,
    }
}

/// The class by a reply code alone.
fn by_reply(reply: u16) -> FailureClass {
    match reply {
        400..=499 | 552 => FailureClass::Soft,
        521 | 550 | 551 | 553 | 556 => FailureClass::Hard,
        571 => FailureClass::Block,
        _ => FailureClass::Other,
    }
}

/// What words mean; the first that is found counts. Written as [`plain`] writes: a space begins a word, and one behind ends it.
const WORDS: [(FailureClass, &[&str]); 6] = [
    // Microsoft's way to say that there is no such mailbox.
    (FailureClass::Hard, &[" recipient address rejected access denied"]),
    (
        FailureClass::Block,
        &[
            " spam",
            " unsolicited",
            " blocked",
            " blocklist",
            " block list",
            " blacklist",
            " black list",
            " denylist",
            " dnsbl",
            " rbl ",
            " banned",
            " reputation",
            " policy",
            " dmarc",
            " dkim",
            " spf ",
            " abus",
            " complaint",
            " phish",
            " malware",
            " virus",
            " throttl",
            " rate limit",
            " too many messages",
            " too many connections",
            " access denied",
            " relay",
            " not authori",
        ],
    ),
    (
        FailureClass::Soft,
        &[" quota", " mailbox full", " mailbox is full", " inbox full", " inbox is full", " insufficient", " storage"],
    ),
    (
        FailureClass::Hard,
        &[
            " user unknown",
            " unknown user",
            " recipient unknown",
            " unknown recipient",
            " address unknown",
            " unknown address",
            " unknown mailbox",
            " unknown or illegal alias",
            " no such",
            " not exist",
            " doesn t exist",
            " does not have an account",
            " user not found",
            " recipient not found",
            " mailbox not found",
            " address not found",
            " account not found",
            " domain not found",
            " host not found",
            " nxdomain",
            " null mx",
            " no mx",
            " no mailbox",
            " mailbox unavailable",
            " invalid recipient",
            " invalid mailbox",
            " invalid address",
            " address rejected",
            " recipient rejected",
            " disabled",
            " inactive",
            " no longer",
        ],
    ),
    (
        FailureClass::Soft,
        &[
            " timed out",
            " timeout",
            " expired",
            " temporar",
            " try again",
            " greylist",
            " graylist",
            " too busy",
            " connection refused",
            " connection reset",
            " unreachable",
            " too old",
        ],
    ),
    (FailureClass::Other, &[" too large", " too big", " message size", " size limit"]),
];

/// The class that the words tell, if they do.
fn by_words(words: &str) -> Option<FailureClass> {
    if words.is_empty() {
        return None;
    }
    let words = plain(words);
    WORDS.iter().find(|(_, phrases)| phrases.iter().any(|phrase| words.contains(phrase))).map(|(class, _)| *class)
}

/// The words in lower case, one space around each, without addresses: the names of people say nothing of reasons.
fn plain(words: &str) -> String {
    let mut plain = String::with_capacity(words.len() + 2);
    for word in words.split_ascii_whitespace().filter(|word| !word.contains('@')) {
        for part in word.split(|letter: char| letter.is_ascii() && !letter.is_ascii_alphanumeric()) {
            if !part.is_empty() {
                plain.push(' ');
                plain.extend(part.chars().map(|letter| letter.to_ascii_lowercase()));
            }
        }
    }
    plain.push(' ');
    plain
}

#[cfg(test)]
mod tests;
