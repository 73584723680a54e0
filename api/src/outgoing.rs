//! Requests to the outside: to public addresses alone unless the operator allows others, without redirects, within seconds.
//!
//! A name is resolved once, its addresses are judged, and the connection goes to one of those: a name that leads elsewhere a moment
//! later (DNS rebinding) leads nowhere.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use reqwest::{
    Client, RequestBuilder, Response, Url,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect,
};
use url::Host;

/// How long a whole request may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(5);

/// Where requests may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Permit {
    /// To public addresses.
    Public,
    /// Anywhere.
    Anywhere,
}

/// Why a request was not answered well. Tells no URL: it may be a secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OutgoingError {
    /// The URL is none that is followed.
    #[error("the URL must begin with https:// or http:// and name a host")]
    Url,
    /// The host is at no public address.
    #[error("the host is at a private address, and `alerts.allow_private` is not set")]
    Private,
    /// There is no such name.
    #[error("the host's name cannot be resolved")]
    Resolve,
    /// No answer.
    #[error("no answer: {0}")]
    Silent(String),
    /// Another answer than 2xx.
    #[error("the answer was {0}")]
    Refused(u16),
    /// An answer longer than was to be read.
    #[error("the answer is too long")]
    Long,
}

impl Permit {
    fn allows(self, address: IpAddr) -> bool {
        self == Self::Anywhere || is_public(address)
    }
}

/// Sends requests.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    client: Client,
    permit: Permit,
}

impl Outgoing {
    /// # Errors
    /// When TLS cannot be set up.
    pub(crate) fn new(permit: Permit) -> Result<Self, reqwest::Error> {
        // Another part of the process may have chosen a provider before; it is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .user_agent(concat!("postlens/", env!("CARGO_PKG_VERSION")))
            .timeout(PATIENCE)
            .connect_timeout(CONNECT)
            .redirect(redirect::Policy::none())
            // A proxy would resolve names by itself.
            .no_proxy()
            .dns_resolver(Arc::new(Judging(permit)))
            .build()?;
        Ok(Self { client, permit })
    }

    /// Through a client that knows other roots and other names.
    #[cfg(test)]
    pub(crate) fn through(client: Client) -> Self {
        Self { client, permit: Permit::Anywhere }
    }

    /// A POST request to be completed.
    ///
    /// # Errors
    /// When the URL may not be followed.
    pub(crate) fn post(&self, url: &str) -> Result<RequestBuilder, OutgoingError> {
        Ok(self.client.post(self.judge(url)?))
    }

    /// A GET request to be completed.
    ///
    /// # Errors
    /// When the URL may not be followed.
    pub(crate) fn request(&self, url: &str) -> Result<RequestBuilder, OutgoingError> {
        Ok(self.client.get(self.judge(url)?))
    }

    /// The body of the answer to a GET request, if it has at most so many bytes and comes in that time.
    ///
    /// # Errors
    /// When the URL may not be followed, or there is no such answer.
    pub(crate) async fn get(&self, url: &str, patience: Duration, most: usize) -> Result<Vec<u8>, OutgoingError> {
        self.answer(self.request(url)?.timeout(patience), most).await
    }

    /// The body of the answer to a request, if it has at most so many bytes.
    ///
    /// # Errors
    /// When there is no such answer.
    pub(crate) async fn answer(&self, request: RequestBuilder, most: usize) -> Result<Vec<u8>, OutgoingError> {
        let mut response = self.send(request).await?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| silent(&error))? {
            if body.len() + chunk.len() > most {
                return Err(OutgoingError::Long);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    /// Sends a request; any answer but 2xx is an error. The answer's body is of no interest.
    ///
    /// # Errors
    /// When there is no answer, or another one.
    pub(crate) async fn send(&self, request: RequestBuilder) -> Result<Response, OutgoingError> {
        let response = request.send().await.map_err(|error| silent(&error))?;
        let status = response.status();
        if status.is_success() { Ok(response) } else { Err(OutgoingError::Refused(status.as_u16())) }
    }

    /// An address in the URL itself is not resolved, so it is judged here.
    fn judge(&self, url: &str) -> Result<Url, OutgoingError> {
        let url = Url::parse(url).map_err(|_| OutgoingError::Url)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(OutgoingError::Url);
        }
        let address = match url.host() {
            None => return Err(OutgoingError::Url),
            Some(Host::Domain(_)) => return Ok(url),
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
        };
        if self.permit.allows(address) { Ok(url) } else { Err(OutgoingError::Private) }
    }
}

/// What the innermost source says; what stands around it names the URL.
fn silent(error: &reqwest::Error) -> OutgoingError {
    let mut last: &dyn std::error::Error = error;
    while let Some(source) = last.source() {
        last = source;
    }
    match last.downcast_ref::<OutgoingError>() {
        Some(OutgoingError::Private) => OutgoingError::Private,
        Some(OutgoingError::Resolve) => OutgoingError::Resolve,
        _ if error.is_timeout() => OutgoingError::Silent("it took too long".to_owned()),
        _ if std::error::Error::source(error).is_none() => OutgoingError::Silent("the request failed".to_owned()),
        _ => OutgoingError::Silent(last.to_string()),
    }
}

#[derive(Debug)]
struct Judging(Permit);

impl Resolve for Judging {
    fn resolve(&self, name: Name) -> Resolving {
        let permit = self.0;
        Box::pin(async move {
            let addresses = lookup(name.as_str(), permit).await?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

async fn lookup(host: &str, permit: Permit) -> Result<Vec<SocketAddr>, OutgoingError> {
    let found = tokio::net::lookup_host((host, 0)).await.map_err(|_| OutgoingError::Resolve)?;
    let found: Vec<SocketAddr> = found.collect();
    let allowed: Vec<_> = found.iter().copied().filter(|address| permit.allows(address.ip())).collect();
    match (found.is_empty(), allowed.is_empty()) {
        (true, _) => Err(OutgoingError::Resolve),
        (false, true) => Err(OutgoingError::Private),
        (false, false) => Ok(allowed),
    }
}

/// Whether an address is one of the public internet (IANA's special-purpose registries).
fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || address.is_multicast()
        // This network; shared address space; protocol assignments; relays; benchmarks; reserved.
        || a == 0
        || (a == 100 && (64..128).contains(&b))
        || (a, b, c) == (192, 0, 0)
        || (a, b, c) == (192, 88, 99)
        || (a == 198 && (18..20).contains(&b))
        || a >= 240;
    !special
}

/// Global unicast is `2000::/3`; of it, these ranges are special, or lead to an IPv4 address of the sender's choice.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    let unicast = (0x2000..0x4000).contains(&a);
    let special = (a == 0x2001 && (b < 0x0200 || b == 0x0db8)) || a == 0x2002 || (a == 0x3fff && b < 0x1000);
    unicast && !special
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_public_internet_are_public() {
        for address in ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "2a00:1450::1", "172.32.0.1", "100.128.0.1"] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
        for address in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "192.0.0.8",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "240.0.0.1",
            "203.0.113.7",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:db8::1",
            "2001::1",
            "fec0::1",
            "::127.0.0.1",
        ] {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn an_address_in_the_url_is_judged_however_it_is_written() {
        let outgoing = Outgoing::new(Permit::Public).unwrap();
        for url in [
            "http://127.0.0.1:9/",
            "http://0x7f.1/",
            "http://2130706433/",
            "http://[::1]/",
            "http://[::ffff:10.0.0.1]/",
        ] {
            assert!(matches!(outgoing.post(url), Err(OutgoingError::Private)), "{url}");
        }
        for url in ["file:///etc/passwd", "gopher://x/", "nothing", "https://"] {
            assert!(matches!(outgoing.post(url), Err(OutgoingError::Url)), "{url}");
        }
        assert!(Outgoing::new(Permit::Anywhere).unwrap().post("http://127.0.0.1:9/").is_ok());
    }

    #[tokio::test]
    async fn a_name_that_leads_to_a_private_address_is_not_followed() {
        let outgoing = Outgoing::new(Permit::Public).unwrap();
        let request = outgoing.post("http://localhost:9/secret-token").unwrap();
        let error = outgoing.send(request).await.unwrap_err();
        assert!(matches!(error, OutgoingError::Private), "{error}");
    }

    #[tokio::test]
    async fn an_error_tells_no_url() {
        let outgoing = Outgoing::new(Permit::Anywhere).unwrap();
        let request = outgoing.post("http://127.0.0.1:1/secret-token").unwrap();
        let error = outgoing.send(request).await.unwrap_err().to_string();
        assert!(!error.contains("token") && error.contains("no answer"), "{error}");
    }
}
