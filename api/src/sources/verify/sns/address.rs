//! Addresses that are asked: `https://sns.REGION.amazonaws.com/…`, and for China `.cn` behind it. Nothing else is.
//!
//! The text itself is held to the rule, before any parser has made something else of it: so there is no user before the host, no port, no
//! escape, no letter that only looks like another one.

use url::{Host, Url};

/// The longest address that is read.
const LONGEST: usize = 2_048;

/// The address of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) url: String,
    region: String,
    suffix: &'static str,
}

impl Address {
    /// The address, if SNS may have its certificates there.
    pub(super) fn of_certificate(text: &str) -> Option<Self> {
        let (region, suffix, path) = sns(text)?;
        let plain = path.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'/'));
        (plain && path.strip_suffix(".pem").is_some()).then(|| Self {
            url: text.to_owned(),
            region: region.to_owned(),
            suffix,
        })
    }

    /// Names that Amazon's certificates for SNS in this region bear: the first in most regions, the third in those that one opts into, the last in China and
    /// for the government, whose regions share that of the west.
    pub(super) fn names(&self) -> [String; 4] {
        let Self { region, suffix, .. } = self;
        let single = if region == "us-gov-east-1" { "us-gov-west-1" } else { region };
        [
            format!("sns.{suffix}"),
            format!("sns.{region}.{suffix}"),
            format!("sns-signing.{region}.{suffix}"),
            format!("sns-{single}.{suffix}"),
        ]
    }
}

/// Whether this address confirms the subscription to this topic.
pub(super) fn confirms(text: &str, topic: &str, token: &str) -> bool {
    let Some((_, _, "/")) = sns(text.split('?').next().unwrap_or_default()) else { return false };
    let Ok(url) = Url::parse(text) else { return false };
    let value = |name: &str| {
        let mut values = url.query_pairs().filter(|(key, _)| key == name).map(|(_, value)| value);
        values.next().filter(|_| values.next().is_none())
    };
    text.len() <= LONGEST
        && url.fragment().is_none()
        && value("Action").is_some_and(|action| action == "ConfirmSubscription")
        && value("TopicArn").is_some_and(|given| given == topic)
        && value("Token").is_some_and(|given| given == token)
}

/// Whether this may be the address of the certificate of one of Amazon's authorities. Plain HTTP, as all of them: what is there is signed by a root.
pub(super) fn is_issuer(text: &str) -> bool {
    let parts = text.strip_prefix("http://crt.").and_then(|rest| rest.split_once(".amazontrust.com/"));
    let named = |text: &str| (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let file = |path: &str| path.strip_suffix(".cer").or(path.strip_suffix(".crt")).is_some_and(named);
    parts.is_some_and(|(authority, path)| named(authority) && file(path))
}

/// Whether this is the name of a region: `us-east-1`, `us-gov-west-1`. A bucket's host, such as `sns.s3-us-west-2.amazonaws.com`, is not in one.
pub(super) fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [words @ .., number] = &parts[..] else { return false };
    let word = |word: &&str| word.len() >= 2 && word.bytes().all(|byte| byte.is_ascii_lowercase());
    (2..=4).contains(&words.len())
        && words.iter().all(word)
        && (1..=2).contains(&number.len())
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// Region, domain and path of an address of SNS.
fn sns(text: &str) -> Option<(&str, &'static str, &str)> {
    let rest = text.strip_prefix("https://sns.").filter(|_| text.len() <= LONGEST)?;
    let slash = rest.find('/')?;
    let (host, path) = rest.split_at(slash);
    let (region, suffix) = host
        .strip_suffix(".amazonaws.com.cn")
        .map(|region| (region, "amazonaws.com.cn"))
        .or_else(|| host.strip_suffix(".amazonaws.com").map(|region| (region, "amazonaws.com")))?;
    // What the client will make of it is the same.
    let url = Url::parse(text).ok()?;
    let agreed = url.host() == Some(Host::Domain(&text["https://".len()..text.len() - path.len()]));
    (agreed && url.port().is_none() && is_region(region)).then_some((region, suffix, path))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn whatever_is_asked_is_a_host_of_sns(
            text in "https://[a-z@:.]{0,3}sns[.@%]?(us-east|eu-west|[a-z0-9-]{0,9})-1[.:@/\\\\]?amazonaws\\.com(\\.cn)?[.:@/\\\\%#?]{0,2}[a-z.@:/]{0,9}\\.pem",
            token in any::<String>(),
        ) {
            let _ = confirms(&text, &token, &token);
            if let Some(address) = Address::of_certificate(&text) {
                let url = Url::parse(&address.url).unwrap();
                let host = url.host_str().unwrap();
                let region = host.strip_prefix("sns.").unwrap().strip_suffix(&format!(".{}", address.suffix)).unwrap();
                prop_assert!(is_region(region) && region == address.region);
                prop_assert_eq!((url.scheme(), url.username(), url.password(), url.port()), ("https", "", None, None));
            }
        }
    }

    #[test]
    fn a_certificate_of_sns_is_at_an_address_of_sns() {
        for url in [
            "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
            "https://sns.us-gov-west-1.amazonaws.com/SimpleNotificationService.pem",
            "https://sns.cn-north-1.amazonaws.com.cn/SimpleNotificationService-1.pem",
            "https://sns.ap-southeast-3.amazonaws.com/a/b.pem",
        ] {
            assert!(Address::of_certificate(url).is_some(), "{url}");
        }
    }

    #[test]
    fn an_address_that_only_looks_like_one_of_sns_is_not_asked() {
        for url in [
            "https://sns.us-east-1.amazonaws.com.evil.example/x.pem",
            "http://sns.us-east-1.amazonaws.com/x.pem",
            "HTTPS://sns.us-east-1.amazonaws.com/x.pem",
            "https://sns.us-east-1.amazonaws.com:443/x.pem",
            "https://sns.us-east-1.amazonaws.com:8443/x.pem",
            "https://evil@sns.us-east-1.amazonaws.com/x.pem",
            "https://sns.us-east-1.amazonaws.com@evil.example/x.pem",
            "https://sns.us-east-1.amazonaws.com:x@evil.example/x.pem",
            "https://evil.example/sns.us-east-1.amazonaws.com/x.pem",
            "https://evil.example/?https://sns.us-east-1.amazonaws.com/x.pem",
            "https://evil.example#sns.us-east-1.amazonaws.com/x.pem",
            "https://evil.example\\@sns.us-east-1.amazonaws.com/x.pem",
            "https://sns.us-east-1.amazonaws.com\\.evil.example/x.pem",
            "https://sns.us-east-1.amazonaws.com./x.pem",
            "https://SNS.us-east-1.amazonaws.com/x.pem",
            "https://sns.US-EAST-1.amazonaws.com/x.pem",
            "https://sns.us%2deast-1.amazonaws.com/x.pem",
            "https://sns.us-east-1.amazonaws%2ecom/x.pem",
            "https://sns。us-east-1.amazonaws.com/x.pem",
            "https://sns.us-east-1.amazonaws.com.cn.evil/x.pem",
            "https://sns.us-east-1.amazonaws.co/x.pem",
            "https://sns.us-east-1.amazonaws.comm/x.pem",
            "https://sns.s3.amazonaws.com/x.pem",
            "https://sns.s3-us-west-2.amazonaws.com/x.pem",
            "https://sns.amazonaws.com/x.pem",
            "https://sns..amazonaws.com/x.pem",
            "https://sns.us-east-1.evil.amazonaws.com/x.pem",
            "https://evil.sns.us-east-1.amazonaws.com/x.pem",
            "https://127.0.0.1/x.pem",
            "https://[::1]/x.pem",
            "https://2130706433/x.pem",
            "https://sns.us-east-1.amazonaws.com/x.pem?y=.pem",
            "https://sns.us-east-1.amazonaws.com/x.pem#y.pem",
            "https://sns.us-east-1.amazonaws.com/x%2epem",
            "https://sns.us-east-1.amazonaws.com/x.crt",
            "https://sns.us-east-1.amazonaws.com",
            "https://sns.us-east-1.amazonaws.com/x\n.pem",
            " https://sns.us-east-1.amazonaws.com/x.pem",
            "",
        ] {
            assert_eq!(Address::of_certificate(url), None, "{url}");
        }
    }

    #[test]
    fn a_certificate_bears_the_names_of_its_region_and_partition() {
        let names = |url| Address::of_certificate(url).unwrap().names();
        let china = names("https://sns.cn-north-1.amazonaws.com.cn/x.pem");
        assert!(china.contains(&"sns-cn-north-1.amazonaws.com.cn".to_owned()), "{china:?}");
        let government = names("https://sns.us-gov-east-1.amazonaws.com/x.pem");
        assert!(government.contains(&"sns-us-gov-west-1.amazonaws.com".to_owned()), "{government:?}");
        let cape = names("https://sns.af-south-1.amazonaws.com/x.pem");
        assert!(cape.contains(&"sns-signing.af-south-1.amazonaws.com".to_owned()), "{cape:?}");
        assert!(cape.contains(&"sns.amazonaws.com".to_owned()), "{cape:?}");
    }

    #[test]
    fn only_what_confirms_this_very_subscription_is_asked() {
        const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:mail";
        let right =
            format!("https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=abc");
        assert!(confirms(&right, TOPIC, "abc"));
        for (from, to) in [
            ("ConfirmSubscription", "DeleteTopic"),
            ("abc", "abd"),
            (":mail", ":other"),
            ("https:", "http:"),
            ("amazonaws.com/", "amazonaws.com.evil.example/"),
            ("com/?", "com/elsewhere?"),
            ("com/?", "com:444/?"),
            ("//sns", "//user@sns"),
            ("&Token", "&Action=DeleteTopic&Token"),
            ("abc", "abc#x"),
        ] {
            let url = right.replace(from, to);
            assert_ne!(url, right);
            assert!(!confirms(&url, TOPIC, "abc"), "{url}");
        }
    }

    #[test]
    fn issuers_are_authorities_of_amazon() {
        for url in ["http://crt.r2m01.amazontrust.com/r2m01.cer", "http://crt.sca1b.amazontrust.com/sca1b.crt"] {
            assert!(is_issuer(url), "{url}");
        }
        for url in [
            "http://crt.r2m01.amazontrust.com.evil.example/r2m01.cer",
            "http://crt.evil.example/.amazontrust.com/r2m01.cer",
            "http://crt.r2m01.amazontrust.com:80/r2m01.cer",
            "http://crt.a@b.amazontrust.com/r2m01.cer",
            "http://crt.r2m01.amazontrust.com/../r2m01.cer",
            "http://crt.r2m01.amazontrust.com/r2m01.cer?x",
            "http://169.254.169.254/latest.cer",
            "ftp://crt.r2m01.amazontrust.com/r2m01.cer",
        ] {
            assert!(!is_issuer(url), "{url}");
        }
    }
}
