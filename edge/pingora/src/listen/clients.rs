//! Certificates that clients show: checked against the operator's authorities, which are read again when their file
//! changes.

use super::ListenError;
use crate::telemetry::Metrics;
use arc_swap::ArcSwap;
use rustls::{
    DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, UnixTime, pem::PemObject},
    server::{
        WebPkiClientVerifier,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
};
use std::{fmt::Write, fs, path::PathBuf, sync::Arc, time::Duration};
use x509_parser::{oid_registry::Oid, prelude::FromDer, prelude::X509Certificate};

/// How often the file is looked at.
const POLL: Duration = Duration::from_secs(1);

/// The longest subject that is told, in bytes; what is longer is not.
const LONGEST_SUBJECT: usize = 1024;

/// Who may connect.
#[derive(Debug)]
pub(crate) struct Clients {
    file: PathBuf,
    required: bool,
    provider: Arc<CryptoProvider>,
    verifier: ArcSwap<Holder>,
}

#[derive(Debug)]
struct Holder(Arc<dyn ClientCertVerifier>);

impl Clients {
    /// Reads the authorities for the first time.
    ///
    /// # Errors
    /// They cannot be used.
    pub(crate) fn open(file: PathBuf, required: bool, provider: Arc<CryptoProvider>) -> Result<Arc<Self>, ListenError> {
        let refuse = |reason| ListenError::Certificate { path: file.clone(), reason };
        let text = fs::read(&file).map_err(|error| refuse(format!("the authorities cannot be read: {error}")))?;
        let verifier = parse(&text, required, &provider).map_err(refuse)?;
        Ok(Arc::new(Self { verifier: ArcSwap::from_pointee(Holder(verifier)), file, required, provider }))
    }

    /// Reads them again whenever their file changes. What cannot be used is reported, and those before stay.
    pub(crate) async fn follow(self: Arc<Self>, metrics: Arc<Metrics>) {
        let mut seen = fs::read(&self.file).ok();
        loop {
            tokio::time::sleep(POLL).await;
            let Ok(text) = fs::read(&self.file) else { continue };
            if seen.as_ref() == Some(&text) {
                continue;
            }
            match parse(&text, self.required, &self.provider) {
                Ok(verifier) => {
                    self.verifier.store(Arc::new(Holder(verifier)));
                    tracing::info!(file = %self.file.display(), "the authorities of clients are reloaded");
                }
                Err(reason) => {
                    metrics.certificates_failed();
                    tracing::error!("{}: {reason}; it stays as it was", self.file.display());
                }
            }
            seen = Some(text);
        }
    }
}

fn parse(text: &[u8], required: bool, provider: &Arc<CryptoProvider>) -> Result<Arc<dyn ClientCertVerifier>, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(text) {
        let certificate = certificate.map_err(|error| format!("a certificate cannot be read: {error}"))?;
        roots.add(certificate).map_err(|error| format!("a certificate in it cannot be a root: {error}"))?;
    }
    if roots.is_empty() {
        return Err("there is no certificate in this file (PEM is expected)".to_owned());
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    let builder = if required { builder } else { builder.allow_unauthenticated() };
    builder.build().map_err(|error| error.to_string())
}

impl ClientCertVerifier for Clients {
    fn client_auth_mandatory(&self) -> bool {
        self.required
    }

    /// None: they may change while a handshake is under way, and clients have one certificate at most as a rule.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.verifier.load().0.verify_client_cert(certificate, intermediates, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.load().0.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.load().0.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.load().0.supported_verify_schemes()
    }
}

/// A certificate's subject as text (RFC 4514), all of it ASCII; `None` where it has none, or one that is too long.
pub(super) fn subject(certificate: &CertificateDer<'_>) -> Option<String> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let mut parts: Vec<String> = Vec::new();
    for part in certificate.subject().iter_rdn() {
        let mut text = String::new();
        for attribute in part.iter() {
            let plus = if text.is_empty() { "" } else { "+" };
            let _ = write!(text, "{plus}{}=", short(attribute.attr_type()));
            match attribute.as_str() {
                Ok(value) => escape(value, &mut text),
                // What is no text is written as it is encoded.
                Err(_) => {
                    text.push('#');
                    for b in attribute.as_slice() {
                        let _ = write!(text, "{b:02x}");
                    }
                }
            }
        }
        parts.push(text);
    }
    parts.reverse();
    let subject = parts.join(",");
    (!subject.is_empty() && subject.len() <= LONGEST_SUBJECT).then_some(subject)
}

/// The names of RFC 4514 §3, and of serial numbers.
fn short(kind: &Oid<'_>) -> String {
    let dotted = kind.to_id_string();
    match dotted.as_str() {
        "2.5.4.3" => "CN",
        "2.5.4.5" => "serialNumber",
        "2.5.4.6" => "C",
        "2.5.4.7" => "L",
        "2.5.4.8" => "ST",
        "2.5.4.9" => "STREET",
        "2.5.4.10" => "O",
        "2.5.4.11" => "OU",
        "0.9.2342.19200300.100.1.25" => "DC",
        "0.9.2342.19200300.100.1.1" => "UID",
        _ => return dotted,
    }
    .to_owned()
}

/// RFC 4514 §2.4, and besides whatever is not visible ASCII.
fn escape(value: &str, out: &mut String) {
    for (at, b) in value.bytes().enumerate() {
        let edge = at == 0 || at + 1 == value.len();
        match b {
            b'"' | b'+' | b',' | b';' | b'<' | b'>' | b'\\' | b'=' => {
                out.push('\\');
                out.push(char::from(b));
            }
            b'#' if at == 0 => out.push_str("\\#"),
            b' ' if edge => out.push_str("\\20"),
            b' '..=b'~' => out.push(char::from(b)),
            _ => {
                let _ = write!(out, "\\{b:02x}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, DnType, KeyPair};

    #[test]
    fn a_subject_cannot_pretend_to_have_parts_it_has_not() {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "Example");
        params.distinguished_name.push(DnType::CommonName, "ann, O=Admins\r\nä");
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        assert_eq!(subject(certificate.der()).as_deref(), Some("CN=ann\\, O\\=Admins\\0d\\0a\\c3\\a4,O=Example"));
    }

    #[test]
    fn a_file_without_an_authority_is_refused() {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        assert!(parse(b"nothing", true, &provider).unwrap_err().contains("no certificate"));
    }
}
