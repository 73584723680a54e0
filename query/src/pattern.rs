//! What servers say when they refuse, folded into patterns: `550 5.1.1 <address>: user unknown`. A report shows patterns alone, for
//! reasons hold addresses, which are PHI, and ids, which make every reason one of its kind.
//!
//! The rule is a list of regular expressions ([`RULES`]) that the database applies before it groups, so that nothing but groups leaves it.
//! They mean the same to RE2 and to the crate `regex`, with which tests apply them beside the database.

/// So much of a reason is looked at, in characters: servers say the reason first.
const LOOKED_AT: usize = 1024;
/// The longest pattern in characters.
pub(crate) const LONGEST: usize = 200;
/// The shortest local part that is looked for by itself; shorter ones are words of every text.
const SHORTEST_LOCAL: usize = 3;

/// White space and control characters, each run of which becomes a blank.
const BLANK: &str =
    r"[\x{0}-\x{20}\x{7F}-\x{A0}\x{1680}\x{2000}-\x{200F}\x{2028}-\x{202F}\x{205F}\x{2060}\x{3000}\x{FEFF}]+";
/// What stands at the end of a text that was cut: perhaps half of an address.
const BROKEN: &str = r" ?[^ ]*$";

/// What may hold an address, and what takes its place.
const ADDRESSES: &[(&str, &str)] = &[
    (r"(?i)\b[a-z][a-z0-9+.-]*://[^ <>()\[\]\x22']*", "<url>"),
    // Whatever has an `@` is an address or a message id.
    (r"\x22[^\x22]*\x22(?:@|＠|%40)[^ <>()\[\],;:\x22']*", "<address>"),
    (r"[<]?[^ <>()\[\],;:\x22]*(?:@|＠|%40)[^ <>()\[\],;:\x22']*[>']?", "<address>"),
];

/// The words of a text and what is between them, as far as the local part of an address may be a word.
const WORDS: &str = r"[^ <>()\[\],;:\x22']+|[ <>()\[\],;:\x22']+";

/// What else is looked for, in this order, and what takes its place. Words are those of ASCII.
const RULES: &[(&str, &str)] = &[
    (
        r"\b[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?\b",
        "<time>",
    ),
    (
        r"\b(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), )?[0-9]{1,2} (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [0-9]{4}(?: [0-9]{2}:[0-9]{2}(?::[0-9]{2})?)?(?: [+-][0-9]{4})?\b",
        "<time>",
    ),
    (r"\b[0-9]{1,3}(?:\.[0-9]{1,3}){3}\b", "<ip>"),
    (
        r"(?i)\b(?:ipv6:)?(?:[0-9a-f]{1,4}(?::[0-9a-f]{1,4}){5,7}\b|[0-9a-f]{1,4}(?::[0-9a-f]{1,4})*::(?:[0-9a-f]{1,4}(?::[0-9a-f]{1,4})*\b)?)",
        "<ip>",
    ),
    // Whose list it is says more than which host was asked.
    (
        r"(?i)\b(?:[a-z0-9_-]+\.)*(spamhaus|spamcop|barracudacentral|sorbs|uceprotect|invaluement|abusix|mailspike|surbl|uribl|senderscore)\.(?:org|net|com)\b",
        r"\1",
    ),
    (r"\b(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?\.)+(?:[a-z]{2,24}|[A-Z]{2,24}|xn--[a-z0-9-]+)\b", "<host>"),
    // A word of letters and digits, but for a short one that ends in digits: servers name their rules so (TSS04, S3140).
    (
        r"\b(?:[0-9]+[A-Za-z_][A-Za-z0-9_]*|[A-Za-z_]+[0-9]+[A-Za-z_][A-Za-z0-9_]*|[A-Za-z_]{5,}[0-9]+|[A-Za-z_]+[0-9]{5,}|[A-Za-z0-9_]{24,})\b",
        "<id>",
    ),
    (r"(?:[A-Za-z0-9_]+[-_/+=.~]+)*<id>(?:[-_/+=.~]+(?:<id>|[A-Za-z0-9_]+))*", "<id>"),
    // Codes are no numbers: what they are made of is put out of sight of the next rule, and back behind it.
    (r"\b([245])\.([0-7])\.([0-9]{1,3})\b", r"_\1_\2_\3_"),
    (r"\b([245][0-5][0-9])\b", r"_\1_"),
    (r"\b[0-9]+(?:[.,:/-][0-9]+)*\b", "<number>"),
    (r"_([245])_([0-7])_([0-9]{1,3})_", r"\1.\2.\3"),
    (r"_([245][0-5][0-9])_", r"\1"),
    (r"^ | $", ""),
];

/// The pattern of a reason, as expressions for a `WITH`: each has a name that the next ones use, and the last is called `pattern`. The
/// reason and the recipient whose local part is looked for are expressions, too.
pub(crate) fn sql(reason: &str, recipient: &str) -> Vec<String> {
    let fold = |text: &str, rules: &[(&str, &str)]| {
        rules.iter().fold(text.to_owned(), |text, (found, instead)| {
            format!("replaceRegexpAll({text}, {}, {})", literal(found), literal(instead))
        })
    };
    vec![
        format!("replaceRegexpAll({reason}, {}, ' ') AS plain", literal(BLANK)),
        cut("plain", LOOKED_AT, "", "seen"),
        format!("{} AS unaddressed", fold("seen", ADDRESSES)),
        format!("replaceRegexpOne({recipient}, '@[^@]*$', '') AS local"),
        // Few reasons name it alone: the others are not taken apart.
        format!("lengthUTF8(local) >= {SHORTEST_LOCAL} AND position(lowerUTF8(unaddressed), local) > 0 AS suspect"),
        format!("extractAll(if(suspect, unaddressed, ''), {}) AS words", literal(WORDS)),
        "arrayStringConcat(arrayMap(word -> if(trimRight(lowerUTF8(word), '.') = local, '<address>', word), words)) AS anonymous"
            .to_owned(),
        "if(suspect, anonymous, unaddressed) AS bare".to_owned(),
        format!("{} AS folded", fold("bare", RULES)),
        cut("folded", LONGEST, " …", "pattern"),
    ]
}

fn cut(text: &str, longest: usize, end: &str, name: &str) -> String {
    let kept = longest - end.chars().count();
    let broken = literal(BROKEN);
    format!(
        "if(lengthUTF8({text}) > {longest}, concat(replaceRegexpOne(substringUTF8({text}, 1, {kept}), {broken}, ''), '{end}'), {text}) AS {name}"
    )
}

/// What stands in a URL that may name a recipient.
const IN_URL: &str = r"[^/?#&=:; ]*(?:@|＠|%40)[^/?#&=; ]*";

/// A URL without what names a recipient, as an expression.
pub(crate) fn whole_url(url: &str) -> String {
    format!("replaceRegexpAll({url}, {}, '<address>')", literal(IN_URL))
}

/// The same without what follows a `?` or a `#`, which tells recipients apart and not links.
pub(crate) fn url(url: &str) -> String {
    whole_url(&format!("replaceRegexpOne({url}, {}, '')", literal(r"(?s)[?#].*$")))
}

/// A text of ours as a literal of SQL.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', r"\\").replace('\'', r"\'"))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;
    use regex::Regex;

    use super::*;

    /// A regular expression as the database means it: the words of ASCII.
    fn regex(pattern: &str) -> Regex {
        Regex::new(&pattern.replace(r"\b", r"(?-u:\b)")).unwrap()
    }

    /// The pattern of a reason, computed here.
    pub(crate) fn fold(reason: &str, recipient: &str) -> String {
        static BLANKS: LazyLock<Regex> = LazyLock::new(|| regex(BLANK));
        static FOLDS: LazyLock<[Rules; 2]> = LazyLock::new(|| [ADDRESSES, RULES].map(rules));
        let plain = BLANKS.replace_all(reason, " ");
        let fold =
            |text: String, (found, instead): &(Regex, String)| found.replace_all(&text, instead.as_str()).into_owned();
        let unaddressed = FOLDS[0].iter().fold(shortened(&plain, LOOKED_AT, ""), fold);
        let local = recipient.rsplit_once('@').map_or(recipient, |(local, _)| local);
        let suspect = local.chars().count() >= SHORTEST_LOCAL && unaddressed.to_lowercase().contains(local);
        let anonymous = |word: regex::Match<'_>| {
            let is_local = word.as_str().to_lowercase().trim_end_matches('.') == local;
            if is_local { "<address>" } else { word.as_str() }.to_owned()
        };
        let bare =
            if suspect { regex(WORDS).find_iter(&unaddressed).map(anonymous).collect() } else { unaddressed.clone() };
        shortened(&FOLDS[1].iter().fold(bare, fold), LONGEST, " …")
    }

    type Rules = Vec<(Regex, String)>;

    fn rules(rules: &[(&str, &str)]) -> Rules {
        let replacement = |text: &str| regex(r"\\([1-9])").replace_all(text, "$${$1}").into_owned();
        rules.iter().map(|(found, instead)| (regex(found), replacement(instead))).collect()
    }

    fn shortened(text: &str, longest: usize, end: &str) -> String {
        if text.chars().count() <= longest {
            return text.to_owned();
        }
        let kept: String = text.chars().take(longest - end.chars().count()).collect();
        format!("{}{end}", regex(BROKEN).replace(&kept, ""))
    }

    #[test]
    fn what_differs_from_message_to_message_is_folded_and_what_names_the_reason_stays() {
        for (reason, pattern) in [
            ("550 5.1.1 <Pat.Smith+x@example.com>: user unknown", "550 5.1.1 <address>: user unknown"),
            ("550 5.1.1 pat@example.com... User unknown", "550 5.1.1 <address> User unknown"),
            ("smtp; 550-5.1.1 \"pat smith\"@example.com no\r\n 550 x", "smtp; 550-5.1.1 <address> no 550 x"),
            (
                "RCPT TO:<pat@example.com>: 'sam@example.com' pat%40example.com",
                "RCPT TO:<address>: <address> <address>",
            ),
            (
                "421 4.7.0 [TSS04] Messages from 203.0.113.7 temporarily deferred - 4.16.55.1; see https://postmaster.example/error-codes#x",
                "421 4.7.0 [TSS04] Messages from <ip> temporarily deferred - <ip>; see <url>",
            ),
            (
                "550 5.7.1 Client host [2001:db8::1] blocked using zen.spamhaus.org; S3140 [BN7NAM10FT044.eop-nam10.prod.protection.outlook.com 2026-11-20T10:00:00.000Z 08DC0A1B2C3D4E5F]",
                "550 5.7.1 Client host [<ip>] blocked using spamhaus; S3140 [<host> <time> <id>]",
            ),
            (
                "552-5.2.2 over quota. a1-20020a05622a4d4100b003f0a1b2c3d4si123456qtb.123 - gsmtp",
                "552-5.2.2 over quota. <id> - gsmtp",
            ),
            ("id 3f2504e0-4f89-11d3-9a0c-0305e82c3301 in queue 4XyZ1k0bQz", "id <id> in queue <id>"),
            (
                "message size 10485760 exceeds 10,000 at Thu, 26 Nov 2026 16:22:03 +0000",
                "message size <number> exceeds <number> at <time>",
            ),
            ("at 16:22:03 after 3 tries", "at <number> after <number> tries"),
            ("  many\t\u{a0}\u{3000}blanks \n", "many blanks"),
            ("user pat unknown; Pat, patent", "user <address> unknown; <address>, patent"),
            ("", ""),
        ] {
            assert_eq!(fold(reason, "pat@example.com"), pattern, "{reason}");
        }
    }

    #[test]
    fn a_pattern_is_short_and_ends_with_a_whole_word() {
        let long = fold(&"many words and 5.1.1 ".repeat(100), "");
        assert!(long.chars().count() <= LONGEST && long.ends_with(" …"), "{long}");
        assert_eq!(fold(&"ä".repeat(300), ""), " …");
    }

    /// Texts of what reasons are made of.
    pub(crate) fn reasons() -> impl Strategy<Value = String> {
        let word = prop_oneof![
            "[a-zA-Z0-9_]{1,12}",
            "[245]\\.[0-9]\\.[0-9]{1,3}",
            "[0-9]{3}",
            "[a-z.]{1,8}@[a-z]{1,5}\\.[a-z]{2,3}",
            "[a-z0-9]{1,4}(\\.[a-zA-Z0-9-]{1,4}){1,4}",
            "[0-9a-f]{0,3}(::?[0-9a-f]{1,3}){1,7}",
            "2026-1[0-2]-0[1-9]T1[0-9]:0[0-9]",
            "https?://[a-z]{1,5}/[a-z0-9?=@]{0,5}",
            "[<>@\\[\\]()\"'_:;,./+=~%-]{1,3}",
            "<(id|number|address|host|ip)>",
            "\\PC{1,3}",
        ];
        let blank = prop_oneof![3 => Just(" "), 2 => Just(""), 1 => Just("-"), 1 => Just("\r\n\t"), 1 => Just("_")];
        proptest::collection::vec((word, blank), 0..40)
            .prop_map(|parts| parts.into_iter().map(|(word, blank)| word + blank).collect())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_pattern_has_an_address_and_the_pattern_of_a_pattern_is_itself(reason in reasons(), local in "[a-z]{3,6}") {
            let recipient = format!("{local}@example.com");
            let pattern = fold(&reason, &recipient);
            prop_assert!(!pattern.contains(['@', '＠', '\n', '\t']), "{}", pattern);
            prop_assert!(pattern.chars().count() <= LONGEST);
            prop_assert_eq!(fold(&pattern, ""), pattern);
        }
    }
}
