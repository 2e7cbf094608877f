//! Making the client: settings over environment, every wait bounded, credentials fetched before the first call.

use super::{DynamoSettings, LoadError, failure};
use aws_config::{BehaviorVersion, Region, retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_dynamodb::{
    Client, Config,
    config::{AppName, Credentials, ProvideCredentials, SharedCredentialsProvider, SharedHttpClient},
};
use aws_smithy_http_client::{
    Builder, Connector,
    proxy::ProxyConfig,
    tls::{self, rustls_provider::CryptoMode},
};
use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

/// Opening a connection.
const CONNECT: Duration = Duration::from_secs(1);
/// From a request to the head of its answer.
pub(super) const READ: Duration = Duration::from_secs(1);
/// One attempt.
const ATTEMPT: Duration = Duration::from_millis(1500);
/// One operation, its retries among it.
pub(super) const OPERATION: Duration = Duration::from_secs(3);
/// Region and credentials, wherever they come from.
const CREDENTIALS: Duration = Duration::from_secs(5);
/// How long an idle connection is kept; servers drop them after 30 seconds or more.
const IDLE: Duration = Duration::from_secs(20);

/// Makes a client, and says which region it is for.
pub(super) async fn connect(settings: &DynamoSettings, place: &str) -> Result<(Client, String), LoadError> {
    let setting = |reason: String| LoadError::Setting { place: place.to_owned(), reason };
    let direct = match &settings.endpoint {
        Some(endpoint) => is_loopback(&check_endpoint(endpoint).map_err(setting)?),
        None => false,
    };
    let retries = retries(|name| std::env::var(name).ok()).map_err(setting)?;
    let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .http_client(https_client(direct))
        .timeout_config(timeouts())
        .retry_config(retries);
    if let Some(name) = app_name() {
        loader = loader.app_name(name);
    }
    if let Some(endpoint) = &settings.endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    if let Some(region) = &settings.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(profile) = &settings.profile {
        loader = loader.profile_name(profile);
    }
    let no_region = || LoadError::NoRegion { place: place.to_owned() };
    let sdk = tokio::time::timeout(CREDENTIALS, loader.load()).await.map_err(|_| no_region())?;
    let region = sdk.region().map(ToString::to_string).filter(|region| !region.is_empty()).ok_or_else(no_region)?;

    // The client would fetch them inside the first operation's time.
    let no_credentials = |reason: String| LoadError::NoCredentials { place: place.to_owned(), reason };
    let provider = sdk.credentials_provider().ok_or_else(|| no_credentials("none are configured".to_owned()))?;
    match tokio::time::timeout(CREDENTIALS, provider.provide_credentials()).await {
        Err(_) => return Err(no_credentials(format!("no answer within {} s", CREDENTIALS.as_secs()))),
        Ok(Err(error)) => return Err(no_credentials(failure::chain(&error))),
        Ok(Ok(_)) => {}
    }
    Ok((Client::new(&sdk), region))
}

/// Where AWS credentials come from, found as every AWS client finds them: environment, files, container or instance role.
///
/// # Errors
/// The environment is not sound, or nothing is configured.
pub async fn aws_credentials(profile: Option<&str>) -> Result<SharedCredentialsProvider, String> {
    let retries = retries(|name| std::env::var(name).ok())?;
    let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .http_client(https_client(false))
        .timeout_config(timeouts())
        .retry_config(retries);
    if let Some(profile) = profile {
        loader = loader.profile_name(profile);
    }
    let sdk = tokio::time::timeout(CREDENTIALS, loader.load()).await;
    let sdk = sdk.map_err(|_| format!("the AWS environment does not answer within {} s", CREDENTIALS.as_secs()))?;
    sdk.credentials_provider().ok_or_else(|| "no AWS credentials are configured".to_owned())
}

/// Makes the client of the embedded table.
pub(super) fn loopback(address: SocketAddr) -> Client {
    let mut builder = Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .endpoint_url(format!("http://{address}"))
        .region(Region::from_static("local"))
        .credentials_provider(Credentials::new("embedded", "embedded", None, None, "embedded"))
        .http_client(Builder::new().pool_idle_timeout(IDLE).build_http())
        .timeout_config(timeouts())
        .retry_config(RetryConfig::standard());
    builder.set_app_name(app_name());
    Client::from_conf(builder.build())
}

fn app_name() -> Option<AppName> {
    AppName::new("verge").ok()
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .read_timeout(READ)
        .operation_attempt_timeout(ATTEMPT)
        .operation_timeout(OPERATION)
        .build()
}

/// TLS by rustls and ring; proxies by the standard variables, but never to this very machine.
fn https_client(direct: bool) -> SharedHttpClient {
    Builder::new().build_with_connector_fn(move |settings, components| {
        let mut connector = Connector::builder().pool_idle_timeout(IDLE).proxy_config(if direct {
            ProxyConfig::disabled()
        } else {
            ProxyConfig::from_env()
        });
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(|components| components.sleep_impl()));
        connector.tls_provider(tls::Provider::Rustls(CryptoMode::Ring)).build()
    })
}

/// Reads the two variables that the SDK would panic on.
fn retries(variable: impl Fn(&str) -> Option<String>) -> Result<RetryConfig, String> {
    let set = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
    let mut retries = match set("AWS_RETRY_MODE").as_deref().map(str::trim) {
        None | Some("standard") => RetryConfig::standard(),
        Some("adaptive") => RetryConfig::adaptive(),
        Some(other) => return Err(format!("AWS_RETRY_MODE is `{other}`; it must be `standard` or `adaptive`")),
    };
    if let Some(attempts) = set("AWS_MAX_ATTEMPTS") {
        match attempts.trim().parse::<u32>() {
            Ok(attempts) if attempts > 0 => retries = retries.with_max_attempts(attempts),
            _ => return Err(format!("AWS_MAX_ATTEMPTS is `{attempts}`; it must be a number from 1 up")),
        }
    }
    Ok(retries)
}

/// Checks an endpoint URL, and gives its host.
fn check_endpoint(endpoint: &str) -> Result<String, String> {
    let refuse = || format!("endpoint `{endpoint}` must be a URL such as http://localhost:8000");
    let uri: http::Uri = endpoint.parse().map_err(|_| refuse())?;
    match (uri.scheme_str(), uri.host()) {
        (Some("http" | "https"), Some(host)) if !host.is_empty() => Ok(host.to_owned()),
        _ => Err(refuse()),
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_that_the_sdk_panics_on_are_refused_in_words() {
        let with = |name: &'static str, value: &'static str| {
            retries(move |asked| (asked == name).then(|| value.to_owned())).map(|retries| retries.max_attempts())
        };
        assert_eq!(with("AWS_MAX_ATTEMPTS", "5"), Ok(5));
        assert_eq!(with("AWS_MAX_ATTEMPTS", ""), Ok(3));
        assert_eq!(with("AWS_RETRY_MODE", "adaptive"), Ok(3));
        for bad in ["0", "-1", "many"] {
            assert!(with("AWS_MAX_ATTEMPTS", bad).unwrap_err().contains("AWS_MAX_ATTEMPTS"));
        }
        assert!(with("AWS_RETRY_MODE", "legacy").unwrap_err().contains("`legacy`"));
    }

    #[test]
    fn an_endpoint_is_a_url() {
        assert_eq!(check_endpoint("http://localhost:8000").unwrap(), "localhost");
        assert!(is_loopback(&check_endpoint("http://[::1]:8000/").unwrap()));
        assert!(!is_loopback(&check_endpoint("https://dynamodb.us-east-1.amazonaws.com").unwrap()));
        for bad in ["localhost:8000", "ftp://a", "http://", "", "http:// a"] {
            assert!(check_endpoint(bad).is_err(), "{bad}");
        }
    }
}
