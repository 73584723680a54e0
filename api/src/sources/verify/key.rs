//! Public keys as people paste them: base64 of SPKI (RFC 5280), PEM, or the value of a DKIM record.

use base64::{
    Engine as _,
    engine::{GeneralPurpose, GeneralPurposeConfig},
};
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
    RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, UnparsedPublicKey,
};
use rustls::pki_types::{SubjectPublicKeyInfoDer, pem::PemObject as _};
use x509_parser::{
    oid_registry::{OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_PKCS1_RSAENCRYPTION},
    prelude::FromDer as _,
    public_key::PublicKey,
    x509::SubjectPublicKeyInfo,
};

use super::KeyError;

/// Bits of an RSA key that is taken. Postal's may have 1024, as DKIM keys may.
const BITS: std::ops::RangeInclusive<usize> = 1_024..=8_192;

/// Which hash an RSA signature is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hash {
    /// Of SNS's first version alone.
    Sha1,
    Sha256,
}

/// A public RSA key.
#[derive(Clone, Debug)]
pub(super) struct Rsa(Vec<u8>);

impl Rsa {
    pub(super) fn parse(text: &str) -> Result<Self, KeyError> {
        Self::of(&spki(&der(text)?)?)
    }

    pub(super) fn of(spki: &SubjectPublicKeyInfo<'_>) -> Result<Self, KeyError> {
        if spki.algorithm.algorithm != OID_PKCS1_RSAENCRYPTION {
            return Err(KeyError::Algorithm);
        }
        let bits = match spki.parsed() {
            Ok(PublicKey::RSA(key)) => key.key_size(),
            _ => return Err(KeyError::Algorithm),
        };
        if BITS.contains(&bits) { Ok(Self(spki.subject_public_key.data.to_vec())) } else { Err(KeyError::Size(bits)) }
    }

    pub(super) fn signed(&self, hash: Hash, message: &[u8], signature: &[u8]) -> bool {
        let algorithm = match hash {
            Hash::Sha1 => &RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
            Hash::Sha256 => &RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
        };
        UnparsedPublicKey::new(algorithm, &self.0).verify(message, signature).is_ok()
    }
}

/// A public key of the curve P-256.
#[derive(Clone, Debug)]
pub(super) struct Curve(Vec<u8>);

impl Curve {
    pub(super) fn parse(text: &str) -> Result<Self, KeyError> {
        let der = der(text)?;
        let spki = spki(&der)?;
        let named = spki.algorithm.parameters.as_ref().and_then(|parameters| parameters.as_oid().ok());
        let point = &spki.subject_public_key.data;
        // An uncompressed point.
        let fits = point.len() == 65 && point.first() == Some(&4);
        if spki.algorithm.algorithm == OID_KEY_TYPE_EC_PUBLIC_KEY && named == Some(OID_EC_P256) && fits {
            Ok(Self(point.to_vec()))
        } else {
            Err(KeyError::Curve)
        }
    }

    pub(super) fn signed(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &self.0).verify(message, signature).is_ok()
    }
}

fn der(text: &str) -> Result<Vec<u8>, KeyError> {
    // Line ends of what is pasted, and padding that a DKIM record may lack.
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &base64::alphabet::STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(base64::engine::DecodePaddingMode::Indifferent),
    );
    if text.contains("-----BEGIN") {
        let key = SubjectPublicKeyInfoDer::from_pem_slice(text.as_bytes()).map_err(|_| KeyError::Form)?;
        return Ok(key.to_vec());
    }
    let packed: String = text.chars().filter(|c| !c.is_whitespace() && *c != '"').collect();
    let tag = packed.split(';').find_map(|tag| tag.strip_prefix("p="));
    LENIENT.decode(tag.unwrap_or(&packed)).map_err(|_| KeyError::Form)
}

fn spki(der: &[u8]) -> Result<SubjectPublicKeyInfo<'_>, KeyError> {
    match SubjectPublicKeyInfo::from_der(der) {
        Ok((&[], spki)) => Ok(spki),
        _ => Err(KeyError::Form),
    }
}
