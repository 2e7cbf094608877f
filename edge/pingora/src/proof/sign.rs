//! Signatures for stages that AWS IAM guards (`[[origins.sign]]`, AWS Signature Version 4). A client's own signature
//! covers the host it asked for, so it cannot survive: it is replaced.
//!
//! API Gateway wants the hash of the body in the signature, and takes no unsigned one (S3 alone does). So a body is held
//! until it is whole, which bounds it. Credentials are renewed beside the requests.

use crate::cli::{Exit, Failure};
use arc_swap::ArcSwapOption;
use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials, SharedCredentialsProvider},
};
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4::SigningParams,
};
use http::{HeaderName, HeaderValue, header};
use std::{
    sync::{Arc, Weak},
    time::{Duration, SystemTime},
};
use tokio::runtime::Runtime;
use verge_config::origins::{Sign as Wanted, in_list};
use verge_router::{
    Edits,
    origin::{Domain, DomainPattern},
};

/// Fields of a client's own signature, and of what it may have been temporary with.
const OWN: [HeaderName; 4] = [
    header::AUTHORIZATION,
    HeaderName::from_static("x-amz-date"),
    HeaderName::from_static("x-amz-security-token"),
    HeaderName::from_static("x-amz-content-sha256"),
];

/// How long the first credentials are waited for, at a start and at a reload.
const FIRST: Duration = Duration::from_secs(3);
/// How long before their end credentials are renewed.
const EARLY: Duration = Duration::from_secs(300);
/// Between two looks at credentials, at least and at most.
const BETWEEN: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(300)];

/// Why a request is not signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotSigned {
    /// There are no credentials, or they are over.
    #[error("there are no AWS credentials to sign with")]
    NoCredentials,
    /// The domain says no region, and neither does the configuration.
    #[error("no region is known for `{0}`: set `region` in [[origins.sign]]")]
    NoRegion(Domain),
    /// The request cannot be brought into the form that is signed.
    #[error("{0}")]
    Unsignable(String),
}

/// What requests to some origins are signed with.
#[derive(Default)]
pub(crate) struct Signers(Vec<Signer>);

struct Signer {
    domains: Vec<DomainPattern>,
    service: String,
    region: Option<String>,
    held: Arc<Held>,
}

/// Credentials as they were last read.
#[derive(Default)]
struct Held(ArcSwapOption<Credentials>);

impl Signers {
    /// Finds the credentials, waits a moment for the first ones, and has them renewed.
    ///
    /// # Errors
    /// The AWS environment is not sound.
    pub(crate) fn start(wanted: &[Wanted], background: &Runtime) -> Result<Self, Failure> {
        let mut known: Vec<(Option<&str>, Arc<Held>)> = Vec::new();
        let mut signers = Vec::new();
        for wanted in wanted {
            let profile = wanted.profile.as_deref();
            let held = match known.iter().find(|(other, _)| *other == profile) {
                Some((_, held)) => held.clone(),
                None => {
                    let held = Arc::<Held>::default();
                    let provider = background
                        .block_on(verge_mappings::aws_credentials(profile))
                        .map_err(|reason| Failure::new(Exit::Config, format!("[[origins.sign]]: {reason}")))?;
                    let _ = background.block_on(async { tokio::time::timeout(FIRST, held.renew(&provider)).await });
                    background.spawn(Held::keep(Arc::downgrade(&held), provider));
                    known.push((profile, held.clone()));
                    held
                }
            };
            let (domains, service, region) = (wanted.domains.clone(), wanted.service.clone(), wanted.region.clone());
            signers.push(Signer { domains, service, region, held });
        }
        Ok(Self(signers))
    }

    /// Whether requests to an origin are signed.
    pub(crate) fn are_for(&self, domain: &Domain) -> bool {
        self.of(domain).is_some()
    }

    fn of(&self, domain: &Domain) -> Option<&Signer> {
        self.0.iter().find(|signer| in_list(&signer.domains, domain))
    }

    /// Whether a request to an origin could be signed now, where it is to be.
    pub(crate) fn check(&self, domain: &Domain) -> Result<(), NotSigned> {
        let Some(signer) = self.of(domain) else { return Ok(()) };
        signer.region(domain)?;
        signer.held.now().map(drop)
    }

    /// Signs a request to an origin, where it is to be: what the client signed is replaced.
    pub(crate) fn apply(
        &self,
        domain: &Domain,
        (method, target, body): (&str, &str, &[u8]),
        edits: &mut impl Edits,
    ) -> Result<(), NotSigned> {
        let Some(signer) = self.of(domain) else { return Ok(()) };
        OWN.iter().for_each(|name| edits.remove(name));
        let identity = Credentials::clone(&*signer.held.now()?).into();
        let unsignable = |reason: &dyn std::fmt::Display| NotSigned::Unsignable(reason.to_string());
        let params = SigningParams::builder()
            .identity(&identity)
            .region(signer.region(domain)?)
            .name(&signer.service)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| unsignable(&error))?
            .into();
        let host = [("host", domain.as_str())];
        let uri = format!("https://{domain}{target}");
        let request = SignableRequest::new(method, uri, host.into_iter(), SignableBody::Bytes(body))
            .map_err(|error| unsignable(&error))?;
        let (signed, _) = sign(request, &params).map_err(|error| unsignable(&error))?.into_parts();
        for (name, value) in signed.headers() {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|error| unsignable(&error))?;
            let mut value = HeaderValue::from_str(value).map_err(|error| unsignable(&error))?;
            value.set_sensitive(true);
            edits.set(name, value);
        }
        Ok(())
    }
}

impl Signer {
    fn region<'s>(&'s self, domain: &'s Domain) -> Result<&'s str, NotSigned> {
        let region = self.region.as_deref().or_else(|| region_of(domain));
        region.ok_or_else(|| NotSigned::NoRegion(domain.clone()))
    }
}

impl Held {
    fn now(&self) -> Result<Arc<Credentials>, NotSigned> {
        let live = |credentials: &Arc<Credentials>| credentials.expiry().is_none_or(|end| end > SystemTime::now());
        self.0.load_full().filter(live).ok_or(NotSigned::NoCredentials)
    }

    /// Reads them once; how long they may be kept.
    async fn renew(&self, provider: &SharedCredentialsProvider) -> Option<Duration> {
        match provider.provide_credentials().await {
            Ok(credentials) => {
                let left = credentials.expiry().and_then(|end| end.duration_since(SystemTime::now()).ok());
                self.0.store(Some(Arc::new(credentials)));
                let [least, most] = BETWEEN;
                Some(left.map_or(most, |left| left.saturating_sub(EARLY)).clamp(least, most))
            }
            Err(error) => {
                tracing::error!(%error, "[[origins.sign]]: credentials cannot be read; tried again");
                None
            }
        }
    }

    /// Renews them for as long as somebody signs with them. A failure keeps what was read last, until its end.
    async fn keep(held: Weak<Self>, provider: SharedCredentialsProvider) {
        let [least, most] = BETWEEN;
        let mut failed = least;
        loop {
            let Some(renewed) = (match held.upgrade() {
                Some(held) => Some(held.renew(&provider).await),
                None => None,
            }) else {
                return;
            };
            let pause = renewed.unwrap_or(failed);
            failed = if renewed.is_some() { least } else { (failed * 2).min(most / 10) };
            tokio::time::sleep(pause).await;
        }
    }
}

/// The region in `<id>.execute-api.<region>.amazonaws.com`, or of another partition of AWS.
fn region_of(domain: &Domain) -> Option<&str> {
    let mut labels = domain.as_str().split('.');
    let [_, service, region, aws] = [labels.next()?, labels.next()?, labels.next()?, labels.next()?];
    (service == "execute-api" && aws == "amazonaws").then_some(region)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_is_read_from_the_domains_of_api_gateway_alone() {
        let of = |domain: &str| region_of(&Domain::parse(domain).unwrap()).map(str::to_owned);
        assert_eq!(of("abc.execute-api.eu-central-1.amazonaws.com").as_deref(), Some("eu-central-1"));
        assert_eq!(of("abc.execute-api.cn-north-1.amazonaws.com.cn").as_deref(), Some("cn-north-1"));
        assert_eq!(of("abc.lambda-url.eu-central-1.on.aws"), None);
        assert_eq!(of("api.example.com"), None);
    }
}
