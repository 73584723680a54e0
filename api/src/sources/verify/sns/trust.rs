//! Whether a certificate is one of Amazon's for SNS: its chain, its days, its name.

use std::time::Duration;

use rustls::{
    CertificateError, Error, RootCertStore,
    client::{verify_server_cert_signed_by_trust_anchor, verify_server_name},
    crypto::ring::default_provider,
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
};
use schema::Millis;
use x509_parser::{
    certificate::X509Certificate,
    extensions::{GeneralName, ParsedExtension},
    oid_registry::OID_PKIX_ACCESS_DESCRIPTOR_CA_ISSUERS,
    prelude::FromDer as _,
};

use super::{super::key::Rsa, address, address::Address};

/// Why a certificate is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Distrust {
    /// Its chain leads nowhere.
    #[error("the certificate's issuer is not known")]
    Issuer,
    /// It is none of SNS in that region, or not now, or damaged.
    #[error("the certificate is none of SNS's that is valid now")]
    Certificate,
}

/// A key, and until when it may be believed.
#[derive(Clone, Debug)]
pub(super) struct Signer {
    pub(super) key: Rsa,
    pub(super) until: Millis,
}

/// The key of the first certificate, if it is believed.
pub(super) fn signer(
    chain: &[CertificateDer<'_>],
    address: &Address,
    roots: &RootCertStore,
    now: Millis,
) -> Result<Signer, Distrust> {
    let (leaf, between) = chain.split_first().ok_or(Distrust::Certificate)?;
    let parsed = ParsedCertificate::try_from(leaf).map_err(|_| Distrust::Certificate)?;
    let named = address.names().into_iter().filter_map(|name| ServerName::try_from(name).ok());
    if !named.into_iter().any(|name| verify_server_name(&parsed, &name).is_ok()) {
        return Err(Distrust::Certificate);
    }
    let seconds = u64::try_from(now.0 / 1_000).map_err(|_| Distrust::Certificate)?;
    let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    let algorithms = default_provider().signature_verification_algorithms.all;
    verify_server_cert_signed_by_trust_anchor(&parsed, roots, between, now, algorithms).map_err(
        |error| match error {
            Error::InvalidCertificate(CertificateError::UnknownIssuer) => Distrust::Issuer,
            _ => Distrust::Certificate,
        },
    )?;
    let leaf = read(leaf).ok_or(Distrust::Certificate)?;
    let key = Rsa::of(leaf.public_key()).map_err(|_| Distrust::Certificate)?;
    Ok(Signer { key, until: Millis(leaf.validity().not_after.timestamp().saturating_mul(1_000)) })
}

/// Where a certificate says that its issuer's is, if it is one of Amazon's authorities.
pub(super) fn issuer(certificate: &CertificateDer<'_>) -> Option<String> {
    let certificate = read(certificate)?;
    let access = certificate.extensions().iter().find_map(|extension| match extension.parsed_extension() {
        ParsedExtension::AuthorityInfoAccess(access) => Some(access),
        _ => None,
    })?;
    access.accessdescs.iter().find_map(|description| match description.access_location {
        GeneralName::URI(url)
            if description.access_method == OID_PKIX_ACCESS_DESCRIPTOR_CA_ISSUERS && address::is_issuer(url) =>
        {
            Some(url.to_owned())
        }
        _ => None,
    })
}

fn read<'c>(certificate: &'c CertificateDer<'_>) -> Option<X509Certificate<'c>> {
    X509Certificate::from_der(certificate).ok().map(|(_, certificate)| certificate)
}
