//! Amazon, in small: authorities, certificates of SNS, and the servers that have them, on this machine. Counts what it is asked.

use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    extract::{Request, State},
    http::{StatusCode, header::LOCATION},
    response::{IntoResponse as _, Response},
    serve::Listener,
};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, DnType, IsCa, Issuer, KeyPair, date_time_ymd,
};
use reqwest::{
    Certificate, Client,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect,
};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::ring::default_provider,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::{FIRST, rsa_signature};
use crate::outgoing::Outgoing;

/// Where the certificate of the usual topic is.
pub(crate) const CERTIFICATE: &str = "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0a.pem";
/// Where that of its issuer is.
pub(crate) const ISSUER: &str = "http://crt.r2m01.amazontrust.com/r2m01.cer";

type Authority = CertifiedIssuer<'static, KeyPair>;

/// Authorities and servers.
pub(crate) struct Amazon {
    root: Authority,
    between: Authority,
    pages: Pages,
    outgoing: Outgoing,
}

/// Pages by URL, and the URLs that were asked for.
#[derive(Clone, Default)]
struct Pages {
    there: Arc<Mutex<HashMap<String, Page>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

#[derive(Clone)]
enum Page {
    Body(Vec<u8>),
    Moved(String),
    Failure,
}

/// What a certificate says.
pub(crate) struct Wanted<'w> {
    pub(crate) names: &'w [&'w str],
    /// Years of its first and its last day.
    pub(crate) years: (i32, i32),
    /// Where its issuer's certificate is.
    pub(crate) issuer: Option<&'w str>,
}

impl Default for Wanted<'_> {
    fn default() -> Self {
        Self { names: &["sns.amazonaws.com"], years: (2023, 2025), issuer: Some(ISSUER) }
    }
}

impl Amazon {
    /// With a certificate of SNS, whose key is the first of the tests, where it should be, and that of its issuer.
    pub(crate) async fn new() -> Self {
        let root = CertifiedIssuer::self_signed(authority("Root"), KeyPair::generate().unwrap()).unwrap();
        let between = CertifiedIssuer::signed_by(authority("Between"), KeyPair::generate().unwrap(), &root).unwrap();
        let pages = Pages::default();
        let outgoing = serve(&root, &pages).await;
        let amazon = Self { root, between, pages, outgoing };
        amazon.put(CERTIFICATE, amazon.certificate(&Wanted::default(), FIRST));
        amazon.put(ISSUER, amazon.between.der().to_vec());
        amazon
    }

    /// Requests that reach it by the names of the real one.
    pub(crate) fn outgoing(&self) -> Outgoing {
        self.outgoing.clone()
    }

    /// The root that everything goes back to.
    pub(crate) fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.der().clone()).unwrap();
        roots
    }

    /// A certificate for this key, as PEM.
    pub(crate) fn certificate(&self, wanted: &Wanted<'_>, key: &str) -> String {
        issue(wanted, key, &self.between)
    }

    /// The one that issued it, as PEM.
    pub(crate) fn issuer(&self) -> String {
        self.between.pem()
    }

    pub(crate) fn put(&self, url: &str, body: impl Into<Vec<u8>>) {
        self.set(url, Page::Body(body.into()));
    }

    pub(crate) fn redirect(&self, url: &str, to: &str) {
        self.set(url, Page::Moved(to.to_owned()));
    }

    pub(crate) fn fail(&self, url: &str) {
        self.set(url, Page::Failure);
    }

    fn set(&self, url: &str, page: Page) {
        self.pages.there.lock().unwrap().insert(url.to_owned(), page);
    }

    /// The URLs that were asked for.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.pages.asked.lock().unwrap().clone()
    }
}

/// An envelope that bears what its signature, written anew here from Amazon's documentation, covers.
pub(crate) fn signed(mut envelope: Value, key: &str) -> String {
    let names: &[&str] = if envelope["Type"] == "Notification" {
        &["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"]
    } else {
        &["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
    };
    let line = |name: &&str| Some([name, "\n", envelope[*name].as_str()?, "\n"].concat());
    let text: String = names.iter().filter_map(line).collect();
    envelope["Signature"] = rsa_signature(key, text.as_bytes()).into();
    envelope.to_string()
}

/// A certificate of an issuer's, as PEM.
pub(crate) fn issue(wanted: &Wanted<'_>, key: &str, issuer: &Issuer<'_, KeyPair>) -> String {
    let key = KeyPair::from_pem(&key[key.find("-----").unwrap()..]).unwrap();
    let mut params =
        CertificateParams::new(wanted.names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>()).unwrap();
    params.not_before = date_time_ymd(wanted.years.0, 1, 1);
    params.not_after = date_time_ymd(wanted.years.1, 1, 1);
    params.custom_extensions.extend(wanted.issuer.map(authority_access));
    params.signed_by(&key, issuer).unwrap().pem()
}

/// The parameters of an authority's certificate.
pub(crate) fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

/// Authority information access (RFC 5280, 4.2.2.1): where the issuer's certificate is.
fn authority_access(url: &str) -> CustomExtension {
    let tagged = |tag: u8, content: &[u8]| {
        let length = u8::try_from(content.len()).ok().filter(|length| *length < 128).unwrap();
        [&[tag, length], content].concat()
    };
    let issuers = tagged(0x06, &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x02]);
    let description = tagged(0x30, &[issuers, tagged(0x86, url.as_bytes())].concat());
    CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], tagged(0x30, &description))
}

/// Serves the pages over TLS and without, and makes a client that finds them.
async fn serve(root: &Authority, pages: &Pages) -> Outgoing {
    let names = ["sns.us-east-1.amazonaws.com", "sns.af-south-1.amazonaws.com", "sns.cn-north-1.amazonaws.com.cn"];
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(names.map(str::to_owned)).unwrap();
    let certificate = params.signed_by(&key, root).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let (secure, plain) = (listen().await, listen().await);
    let resolver = Everywhere { secure: secure.local_addr().unwrap(), plain: plain.local_addr().unwrap() };
    let secure = Secure { listener: secure, acceptor: TlsAcceptor::from(Arc::new(config)) };
    let router = |scheme| Router::new().fallback(answer).with_state((scheme, pages.clone()));
    tokio::spawn(axum::serve(secure, router("https")).into_future());
    tokio::spawn(axum::serve(plain, router("http")).into_future());
    let _ = default_provider().install_default();
    let client = Client::builder()
        .redirect(redirect::Policy::none())
        .no_proxy()
        .tls_certs_only([Certificate::from_der(root.der()).unwrap()])
        .dns_resolver(Arc::new(resolver))
        .build()
        .unwrap();
    Outgoing::through(client)
}

async fn listen() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

async fn answer(State((scheme, pages)): State<(&'static str, Pages)>, request: Request) -> Response {
    let host = request.headers()["host"].to_str().unwrap();
    let url = format!("{scheme}://{host}{}", request.uri());
    pages.asked.lock().unwrap().push(url.clone());
    match pages.there.lock().unwrap().get(&url) {
        Some(Page::Body(body)) => body.clone().into_response(),
        Some(Page::Moved(to)) => (StatusCode::FOUND, [(LOCATION, to.clone())]).into_response(),
        Some(Page::Failure) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Every name leads to this machine.
struct Everywhere {
    secure: SocketAddr,
    plain: SocketAddr,
}

impl Resolve for Everywhere {
    fn resolve(&self, name: Name) -> Resolving {
        let address = if name.as_str().starts_with("crt.") { self.plain } else { self.secure };
        Box::pin(async move { Ok(Box::new(std::iter::once(address)) as Addrs) })
    }
}

struct Secure {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for Secure {
    type Addr = SocketAddr;
    type Io = TlsStream<TcpStream>;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, address) = self.listener.accept().await.unwrap();
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}
