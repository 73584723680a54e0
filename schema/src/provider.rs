//! Who runs a mailbox, told by the recipient's domain.

use std::{collections::HashMap, fmt::Write as _, sync::LazyLock};

/// An operator of many mailboxes, as deliverability engineers name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MailboxProvider(&'static str);

/// Domains that name their operator by themselves; for Yahoo, Microsoft and Apple, every national variant counts.
const DOMAINS: &[(&str, &[&str])] = &[
    ("gmail", &["gmail.com", "googlemail.com"]),
    ("microsoft", &["outlook.com", "hotmail.com", "live.com", "msn.com", "passport.com", "windowslive.com"]),
    ("yahoo", &["yahoo.com", "ymail.com", "rocketmail.com", "aol.com", "aim.com", "verizon.net", "netscape.net"]),
    ("apple", &["icloud.com", "me.com", "mac.com"]),
    ("comcast", &["comcast.net", "xfinity.com"]),
    ("att", &["att.net", "sbcglobal.net", "bellsouth.net", "ameritech.net", "pacbell.net", "swbell.net", "flash.net"]),
    ("charter", &["charter.net", "spectrum.net", "rr.com", "twc.com", "roadrunner.com"]),
    ("cox", &["cox.net"]),
    ("proton", &["proton.me", "protonmail.com", "pm.me"]),
    ("fastmail", &["fastmail.com", "fastmail.fm"]),
    ("zoho", &["zoho.com", "zohomail.com"]),
    ("gmx", &["gmx.com", "gmx.net", "gmx.de", "gmx.at", "gmx.ch", "web.de", "mail.com"]),
    ("telekom", &["t-online.de", "magenta.de"]),
    ("orange", &["orange.fr", "wanadoo.fr"]),
    ("free", &["free.fr"]),
    ("laposte", &["laposte.net"]),
    ("libero", &["libero.it", "virgilio.it", "iol.it", "inwind.it"]),
    ("mail_ru", &["mail.ru", "bk.ru", "inbox.ru", "list.ru", "internet.ru"]),
    ("yandex", &["yandex.ru", "yandex.com", "ya.ru"]),
    ("qq", &["qq.com", "foxmail.com"]),
    ("netease", &["163.com", "126.com", "yeah.net"]),
    ("naver", &["naver.com"]),
];

/// Operators that use `name.ccTLD` and `name.co.ccTLD` all over the world.
const WORLDWIDE: &[(&str, &[&str])] =
    &[("microsoft", &["outlook", "hotmail", "live"]), ("yahoo", &["yahoo"]), ("yandex", &["yandex"])];

/// The names of all operators that domains lead to.
#[cfg(test)]
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    DOMAINS.iter().map(|(name, _)| *name)
}

impl MailboxProvider {
    /// The operator of the mailboxes of a domain (in its normal form); `other` when the domain does not tell.
    #[must_use]
    pub fn of_domain(domain: &str) -> Self {
        static OPERATORS: LazyLock<HashMap<&str, &str>> = LazyLock::new(|| {
            DOMAINS.iter().flat_map(|(name, domains)| domains.iter().map(|domain| (*domain, *name))).collect()
        });
        if let Some(name) = OPERATORS.get(domain) {
            return Self(name);
        }
        let mut labels = domain.split('.');
        let (first, second, third, rest) = (labels.next(), labels.next(), labels.next(), labels.next());
        let national = match (second, third) {
            (Some(tld), None) | (Some("co" | "com"), Some(tld)) => tld.len() == 2,
            _ => false,
        };
        let found = WORLDWIDE.iter().find(|(_, names)| first.is_some_and(|first| names.contains(&first)));
        match found {
            Some((name, _)) if national && rest.is_none() => Self(name),
            _ => Self("other"),
        }
    }

    /// The name in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.0
    }

    /// The same in the database: the name of the operator of a domain, which is an expression of SQL.
    #[must_use]
    pub fn sql_of_domain(domain: &str) -> String {
        let mut cases = String::new();
        let list = |names: &[&str], between| names.join(between);
        for (name, domains) in DOMAINS {
            write!(cases, "{domain} IN ('{}'), '{name}', ", list(domains, "', '")).expect("a String takes all");
        }
        for (name, names) in WORLDWIDE {
            let names = list(names, "|");
            write!(cases, r"match({domain}, '^(?:{names})\\.(?:(?:co|com)\\.)?[^.]{{2}}$'), '{name}', ")
                .expect("a String takes all");
        }
        format!("multiIf({cases}'other')")
    }
}

/// The same as an expression of SQL over a domain: where a table has the domain alone.
#[must_use]
pub fn provider_sql(domain: &str) -> String {
    let list = |texts: Vec<&str>| format!("['{}']", texts.join("', '"));
    let (domains, names): (Vec<_>, Vec<_>) =
        DOMAINS.iter().flat_map(|(name, domains)| domains.iter().map(|domain| (*domain, *name))).unzip();
    let mut national = "'other'".to_owned();
    for (name, labels) in WORLDWIDE {
        let pattern = format!("^({})[.]((co|com)[.])?[^.]{{2}}$", labels.join("|"));
        national = format!("if(match({domain}, '{pattern}'), '{name}', {national})");
    }
    format!("transform({domain}, {}, {}, {national})", list(domains), list(names))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_lead_to_their_operator() {
        for (domain, provider) in [
            ("gmail.com", "gmail"),
            ("hotmail.co.uk", "microsoft"),
            ("live.nl", "microsoft"),
            ("yahoo.com.br", "yahoo"),
            ("aol.com", "yahoo"),
            ("icloud.com", "apple"),
            ("yahoo.example.com", "other"),
            ("live.example", "other"),
            ("example.org", "other"),
            ("", "other"),
        ] {
            assert_eq!(MailboxProvider::of_domain(domain).name(), provider, "{domain}");
        }
    }
}
